"""Figures against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from backproof.optim import SGD, AdamW
from backproof.train import evaluate, metrics
from backproof.train.metrics import confusion, macro_f1, penalty

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@settings(deadline=None)
@given(labels)
def test_confusion_matrix_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    true, predicted = np.array(pairs).T
    matrix = confusion(true, predicted, 4)
    assert np.array_equal(matrix, confusion_matrix(true, predicted, labels=range(4)))
    assert matrix.sum(1).tolist() == np.bincount(true, minlength=4).tolist()


def test_macro_f1() -> None:
    assert macro_f1(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])) == pytest.approx((0.8 + 2 / 3) / 2)
    assert macro_f1(np.array([0, 0]), np.array([1, 1])) == 0


def test_evaluation_does_not_depend_on_the_batches(make_task, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(SGD(weight_decay=0.3))
    whole = evaluate(task.trainer, task.train, task.optimizer)
    monkeypatch.setattr(metrics, "EVALUATION_BATCH", 7)
    parts = evaluate(task.trainer, task.train, task.optimizer)
    assert parts.figures.loss == pytest.approx(whole.figures.loss, rel=1e-12)
    assert np.array_equal(parts.predicted, whole.predicted)
    assert np.array_equal(parts.confusion, whole.confusion)
    assert whole.figures.accuracy == (whole.predicted == task.train.y).mean()
    w = task.trainer.parameters()
    expected = 0.3 / 2 * (np.sum(w["fc1.weight"] ** 2) + np.sum(w["fc2.weight"] ** 2))
    assert whole.figures.cost - whole.figures.loss == pytest.approx(expected, rel=1e-9)


def test_only_coupled_decay_is_in_the_cost(make_task) -> None:
    task = make_task()
    w = task.trainer.parameters()
    assert penalty(task.trainer.graph, w, AdamW(weight_decay=0.5)) == 0
    with_biases = SGD(weight_decay=2.0, decay_all=True)
    w["fc1.bias"] += 1
    assert penalty(task.trainer.graph, w, with_biases) == pytest.approx(sum(np.sum(a**2) for a in w.values()))


def test_evaluation_changes_nothing(make_task) -> None:
    task = make_task()
    before = task.trainer.parameters()
    evaluate(task.trainer, task.dev, task.optimizer)
    assert all(np.array_equal(a, before[name]) for name, a in task.trainer.parameters().items())
