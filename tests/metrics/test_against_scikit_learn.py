"""Every metric against scikit-learn's, or its definition; in batches of any sizes."""

from itertools import pairwise

import numpy as np
import pytest

from backproof.data import TargetSpec
from backproof.metrics import METRICS, add, values
from backproof.metrics.f1 import confusion, precision_recall_f1
from sklearn import metrics as sk


def measured(names: str, prediction: np.ndarray, target: np.ndarray, parts: int = 3) -> dict[str, float]:
    """The metrics, of batches of unequal sizes."""
    totals: dict = {}
    cuts = [0, *np.sort(np.random.default_rng(len(target)).permutation(len(target) - 1)[: parts - 1] + 1), len(target)]
    for first, last in pairwise(cuts):
        add(totals, [METRICS[name] for name in names.split()], prediction[first:last], target[first:last])
    return values(totals)


@pytest.mark.parametrize("classes", [2, 4, 12])
def test_classes(rng: np.random.Generator, classes: int) -> None:
    target = rng.integers(0, classes, 90)
    scores = rng.standard_normal((90, classes)).round(1).astype(np.float32)  # rounded, so that some are equal
    found = measured("accuracy top5 macro_f1", scores, target)
    answer = scores.argmax(1)
    assert found["accuracy"] == sk.accuracy_score(target, answer)
    assert found["macro_f1"] == sk.f1_score(target, answer, average="macro", zero_division=0.0)
    if classes > 5:
        labels = range(classes)
        assert found["top5"] == pytest.approx(sk.top_k_accuracy_score(target, scores, k=5, labels=labels), rel=1e-14)


def test_classes_that_are_never_met_or_predicted() -> None:
    scores = np.eye(5)[[0, 0, 1, 3]]
    target = np.array([0, 1, 1, 2])
    assert measured("macro_f1", scores, target)["macro_f1"] == sk.f1_score(target, scores.argmax(1), average="macro")
    matrix = confusion(target, scores.argmax(1), 5)
    assert np.array_equal(matrix, sk.confusion_matrix(target, scores.argmax(1), labels=range(5)))
    expected = sk.precision_recall_fscore_support(target, scores.argmax(1), labels=range(5), zero_division=0.0)
    assert np.array_equal(precision_recall_f1(matrix), expected[:3])


def test_a_network_that_gives_nan_is_in_no_top_five() -> None:
    assert measured("top5", np.full((3, 7), np.nan), np.array([0, 1, 6]), 2)["top5"] == 0


def test_masks_of_classes(rng: np.random.Generator) -> None:
    target, scores = rng.integers(0, 3, (7, 4, 5)), rng.standard_normal((7, 4, 4, 5))  # of class 3 there is no pixel
    scores[:, 2] -= 10  # and class 2 is never predicted
    found = measured("accuracy iou dice", scores, target)
    true, answer = target.ravel(), scores.argmax(1).ravel()
    assert found["accuracy"] == sk.accuracy_score(true, answer)
    assert found["iou"] == pytest.approx(sk.jaccard_score(true, answer, average="macro"), rel=1e-14)
    assert found["dice"] == pytest.approx(sk.f1_score(true, answer, average="macro"), rel=1e-14)


def test_masks_of_probabilities(rng: np.random.Generator) -> None:
    target, probability = rng.random((6, 1, 5, 4)).astype(np.float32), rng.random((6, 1, 5, 4)).astype(np.float32)
    found = measured("iou dice mae", probability, target)
    true, answer = target.ravel() >= 0.5, probability.ravel() >= 0.5
    assert found["iou"] == pytest.approx(sk.jaccard_score(true, answer), rel=1e-14)
    assert found["dice"] == pytest.approx(sk.f1_score(true, answer), rel=1e-14)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(target.ravel(), probability.ravel()), rel=1e-6)


def test_nothing_to_find_and_nothing_found_is_perfect() -> None:
    nothing = np.zeros((2, 1, 3, 3), np.float32)
    assert measured("iou dice", nothing, nothing, 2) == {"iou": 1.0, "dice": 1.0}
    assert measured("iou dice", nothing + 1, nothing, 2) == {"iou": 0.0, "dice": 0.0}


def test_max_f_beta_is_that_of_the_mean_precision_recall_curve(rng: np.random.Generator) -> None:
    target = (rng.random((5, 1, 6, 7)) > 0.6).astype(np.float32)
    target[3] = 0  # an image without foreground
    level = rng.integers(0, 256, target.shape)
    precision, recall = np.zeros((2, 5, 255))
    for image in range(5):
        for threshold in range(1, 256):
            answer = level[image].ravel() >= threshold
            how = {"y_true": target[image].ravel(), "y_pred": answer, "zero_division": 0.0}
            precision[image, threshold - 1], recall[image, threshold - 1] = (
                sk.precision_score(**how),
                sk.recall_score(**how),
            )
    p, r = precision.mean(0), recall.mean(0)
    expected = np.max(1.3 * p * r / (0.3 * p + r))
    assert measured("max_f_beta", level / 255, target)["max_f_beta"] == pytest.approx(expected, rel=1e-12)


def test_max_f_beta_at_its_ends() -> None:
    target = np.zeros((2, 1, 2, 2), np.float32)
    target[:, :, 0] = 1
    assert measured("max_f_beta", target, target, 2)["max_f_beta"] == pytest.approx(1)
    assert measured("max_f_beta", 0 * target, target, 2)["max_f_beta"] == 0
    assert measured("max_f_beta", np.nan * target, target, 2)["max_f_beta"] == 0


@pytest.mark.parametrize("numbers", [1, 3])
def test_numbers(rng: np.random.Generator, numbers: int) -> None:
    target = (100 + 20 * rng.standard_normal((50, numbers))).astype(np.float32)
    prediction = (target + rng.standard_normal((50, numbers))).astype(np.float32)
    found = measured("mae rmse r2", prediction, target)
    exact = target.astype(np.float64), prediction.astype(np.float64)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(*exact), rel=1e-12)
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(*exact), rel=1e-12)
    assert found["r2"] == pytest.approx(sk.r2_score(*exact), rel=1e-10)


def test_numbers_that_are_all_equal() -> None:
    target = np.full((9, 2), 0.5, np.float32)
    wrong = target + np.array([0, 1], np.float32)
    assert measured("r2", target, target)["r2"] == sk.r2_score(target, target) == 1
    assert measured("r2", wrong, target)["r2"] == sk.r2_score(target, wrong) == 0.5


def test_which_fit() -> None:
    known = {"accuracy", "top5", "macro_f1", "iou", "dice", "max_f_beta", "mae", "rmse", "r2"}

    def names(task: str, targets: TargetSpec) -> list[str]:
        return [m.name for m in METRICS.values() if m.name in known and task in m.tasks and m.fits(targets)]

    few, many = tuple("abcde"), tuple("abcdef")
    assert names("classification", TargetSpec("class", few)) == ["accuracy", "macro_f1"]
    assert names("classification", TargetSpec("class", many)) == ["accuracy", "top5", "macro_f1"]
    assert names("segmentation", TargetSpec("mask", few, (8, 8))) == ["accuracy", "iou", "dice"]
    probabilities = TargetSpec("mask", (), (1, 8, 8), integer=False)
    assert names("segmentation", probabilities) == ["max_f_beta", "iou", "dice", "mae"]
    assert names("regression", TargetSpec("number", ("angle",), (1,), integer=False)) == ["mae", "rmse", "r2"]
