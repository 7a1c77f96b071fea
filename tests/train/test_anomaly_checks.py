"""The first NaN or infinity, by epoch, step, node and direction."""

import sys
from io import StringIO

import numpy as np
import pytest

from backproof.errors import UserError
from backproof.optim import SGD
from backproof.runs.checks.anomaly import AnomalyCheck
from backproof.train import Interruption, Observer, Progress, fit
from backproof.train.events import AnomalyFound


def test_names_the_node_where_it_began(make_task) -> None:
    task, progress = make_task(), Progress()
    weights = task.trainer.parameters()
    found: list[AnomalyFound] = []
    fit(task.trainer, task.optimizer, task.batches, progress, task=task.task, epochs=1)
    weights["fc2.weight"][0, 0] = np.nan
    task.trainer.load(weights)
    watch = AnomalyCheck("error", progress, found.append)
    with pytest.raises(UserError, match=r"epoch 2, step 4: first NaN in the forward pass, in the output of node 'fc2'"):
        fit(task.trainer, task.optimizer, task.batches, progress, task=task.task, epochs=2, watch=watch)
    assert [(p.epoch, p.step, p.node, p.direction) for p in found] == [(2, 4, "fc2", "forward")]


def test_looks_at_gradients(make_task) -> None:
    found: list[AnomalyFound] = []
    check = AnomalyCheck("warn", Progress(epoch=3, step=9), found.append)
    check("a", "forward", np.zeros(3))
    check("b", "backward", np.array([0, -np.inf]))
    check("c", "forward", np.array([np.nan]))
    (problem,) = found
    assert problem.message == (
        "epoch 3, step 10: first infinity in the backward pass, in the gradient of the output of node 'b'"
    )


def test_pdb_stops_where_the_array_is(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("p array.item()\nc\n"))
    check = AnomalyCheck("pdb", Progress(), lambda problem: None)
    check("a", "forward", np.array(np.inf))
    check("a", "forward", np.array(np.inf))
    assert "(Pdb) inf\n" in capsys.readouterr().out


@pytest.mark.parametrize("quitting", ["q\n", "exit\n", ""], ids=["q", "exit", "Ctrl-D"])
def test_quitting_pdb_stops_after_the_step(make_task, monkeypatch: pytest.MonkeyPatch, quitting: str) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(quitting))
    task, progress = make_task(SGD(lr=1e200)), Progress()
    watch = AnomalyCheck("pdb", progress, lambda problem: None)
    with Interruption() as interruption:
        done = fit(
            task.trainer,
            task.optimizer,
            task.batches,
            progress,
            task=task.task,
            epochs=9,
            watch=watch,
            interruption=interruption,
        )
    assert not done
    assert progress.epoch < 9


def test_checks_change_nothing(make_task) -> None:
    watched, alone = make_task(), make_task()
    watch = AnomalyCheck("error", Progress(), lambda problem: None)
    fit(watched.trainer, watched.optimizer, watched.batches, Progress(), task=watched.task, epochs=3, watch=watch)
    fit(alone.trainer, alone.optimizer, alone.batches, Progress(), task=alone.task, epochs=3)
    a, b = watched.trainer.parameters(), alone.trainer.parameters()
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_one_line_without_checks(make_task) -> None:
    problems: list[AnomalyFound] = []

    class Keep(Observer):
        def anomaly_found(self, event: AnomalyFound) -> None:
            problems.append(event)

    task, progress = make_task(SGD(lr=1e200)), Progress()
    fit(
        task.trainer, task.optimizer, task.batches, progress, task=task.task, epochs=4, dev=task.dev, observers=[Keep()]
    )
    (problem,) = problems
    assert "anomaly_checks=error finds the node" in problem.message
    assert not progress.finite
