"""What pages show of a task, from arrays as runs keep them."""

import numpy as np
import pytest

from backproof.data import TargetSpec
from backproof.tasks import Answer, task_of
from sklearn import metrics as sk

CLASSES = task_of(TargetSpec("class", ("cat", "dog", "owl")))
LABELS = task_of(TargetSpec("mask", ("sky", "sea"), (2, 2)))
MASK = task_of(TargetSpec("mask", (), (1, 2, 2), integer=False))
NUMBERS = task_of(TargetSpec("number", ("age", "size"), (2,), integer=False))


def test_classes() -> None:
    matrix = np.array([[3, 1, 0], [0, 2, 0], [1, 0, 3]])
    (figure,) = CLASSES.figures({"confusion": matrix}).values()
    assert [[int(n or 0) for n in row] for row in figure.data[0].text] == matrix.tolist()
    samples = {"y": np.array([0, 1]), "predicted": np.array([0, 2]), "probability": np.array([0.97, 0.5])}
    assert CLASSES.answers(samples) == [
        Answer("cat", "97 %", right=True), Answer("owl", "50 %", truth="dog", right=False)
    ]  # fmt: skip


def test_masks_of_classes() -> None:
    rng = np.random.default_rng(0)
    y, predicted = rng.integers(0, 2, (2, 3, 2, 2))
    kept = {"confusion": sk.confusion_matrix(y.ravel(), predicted.ravel())}
    samples = {"x": rng.random((3, 3, 2, 2)), "y": y, "predicted": predicted}
    figures = LABELS.figures(kept | {f"samples_{name}": array for name, array in samples.items()})
    assert list(figures) == ["Masks", "Confusion matrix of the pixels"]
    assert len(figures["Masks"].layout.images) == 3
    (table,) = LABELS.tables(kept)
    expected = sk.precision_recall_fscore_support(y.ravel(), predicted.ravel())[:3]
    iou = sk.jaccard_score(y.ravel(), predicted.ravel(), average=None)
    for place, row in enumerate(table.rows):
        values = [cell.value for cell in row]
        assert values[0] == ("sky", "sea")[place]
        assert values[2:] == pytest.approx([*(score[place] for score in expected), iou[place]])
    answer = LABELS.answers(samples)[0]
    score = sk.jaccard_score(y[0].ravel(), predicted[0].ravel(), average="macro")
    assert answer.text == f"IoU {100 * score:.0f} %"
    assert answer.overlay.shape == (2, 2, 4)


def test_masks_of_probabilities() -> None:
    """The ring stands at the highest F-beta."""
    rng = np.random.default_rng(0)
    prediction, target = rng.random((2, 4, 1, 8, 8))
    kept = MASK.kept(prediction, target)
    figures = MASK.figures(kept)
    assert list(figures) == ["Precision and recall"]
    curve, ring = figures["Precision and recall"].data
    precision, recall = np.array(curve.y), np.array(curve.x)
    best = np.argmax(1.3 * precision * recall / np.maximum(0.3 * precision + recall, 1e-300))
    assert (ring.x[0], ring.y[0]) == (recall[best], precision[best])
    threshold = curve.customdata[best]
    cut, true = prediction.reshape(4, -1) >= threshold, target.reshape(4, -1) >= 0.5
    assert precision[best] == pytest.approx(np.mean([sk.precision_score(t, p) for t, p in zip(true, cut, strict=True)]))
    assert recall[best] == pytest.approx(np.mean([sk.recall_score(t, p) for t, p in zip(true, cut, strict=True)]))


def test_numbers() -> None:
    target, predicted = np.array([[1.0, 10.0], [2.0, 20.0]]), np.array([[1.5, 10.0], [2.0, 18.0]])
    figures = NUMBERS.figures({"predicted": predicted, "target": target})
    points = [trace for trace in figures["Predicted against true"].data if trace.mode == "markers"]
    assert [(list(p.x), list(p.y)) for p in points] == [([1, 2], [1.5, 2]), ([10, 20], [10, 18])]
    rests = [trace for trace in figures["Residuals"].data if trace.mode == "markers"]
    assert [list(p.y) for p in rests] == [[0.5, 0], [0, -2]]
    said = NUMBERS.answers({"y": target, "predicted": predicted})
    assert (said[0].text, said[0].truth, said[0].right) == ("age 1.5, size 10", "age 1, size 10", None)


@pytest.mark.parametrize("task", [CLASSES, LABELS, MASK, NUMBERS])
def test_nothing_kept_shows_nothing(task) -> None:
    assert task.figures({}) == {}
    assert list(task.tables({})) == []
