"""Figures against their definitions."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from backproof.optim import SGD, AdamW
from backproof.train import evaluate, evaluation
from backproof.train.evaluation import penalty


def test_evaluation_does_not_depend_on_the_batches(make_task, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(SGD(weight_decay=0.3))
    whole = evaluate(task.trainer, task.train, task.optimizer, task.task)
    monkeypatch.setattr(evaluation, "EVALUATION_BATCH", 7)
    parts = evaluate(task.trainer, task.train, task.optimizer, task.task)
    assert parts.metrics.loss == pytest.approx(whole.metrics.loss, rel=1e-12)
    assert np.array_equal(parts.arrays["confusion"], whole.arrays["confusion"])
    scores = task.trainer.forward({"x": task.train.x})[task.trainer.graph.output]
    assert whole.metrics.accuracy == (scores.argmax(1) == task.train.y).mean()
    assert parts.metrics.macro_f1 == whole.metrics.macro_f1 == f1_score(task.train.y, scores.argmax(1), average="macro")
    w = task.trainer.parameters()
    expected = 0.3 / 2 * (np.sum(w["fc1.weight"] ** 2) + np.sum(w["fc2.weight"] ** 2))
    assert whole.metrics.cost - whole.metrics.loss == pytest.approx(expected, rel=1e-9)


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
    evaluate(task.trainer, task.dev, task.optimizer, task.task)
    assert all(np.array_equal(a, before[name]) for name, a in task.trainer.parameters().items())
