"""Gradient checks find a wrong gradient in a run, and leave the run alone."""

import re
import sys
from io import StringIO

import numpy as np
import pytest

from backproof.engines.numpy.trainer import NumpyTrainer
from backproof.errors import CheckFailedError, UserError
from backproof.runs.launch import run
from backproof.train.events import GradientsChecked, Observer


class Keep(Observer):
    def __init__(self) -> None:
        self.checks: list[GradientsChecked] = []

    def gradients_checked(self, event: GradientsChecked) -> None:
        self.checks.append(event)


@pytest.fixture
def wrong_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that forgets a factor in one gradient."""
    right = NumpyTrainer.gradients

    def gradients(self, inputs, mode, optimizer=None):
        found = right(self, inputs, mode, optimizer)
        found.parameters["fc2.bias"] *= 0.5
        return found

    monkeypatch.setattr(NumpyTrainer, "gradients", gradients)


def test_error_ends_the_run(make_spec, wrong_bias: None) -> None:
    with pytest.raises(UserError, match=r"gradient check failed: epoch 1, step 1: parameter fc2.bias: .* WRONG at"):
        run(make_spec(gradient_checks="error"))


def test_warning_goes_on(make_spec, wrong_bias: None) -> None:
    done = run(make_spec(gradient_checks="warn", gradient_check_every=4), [keep := Keep()])
    assert [check.passed for check in keep.checks] == [False] * 4
    assert [check.step for check in keep.checks] == [1, 5, 9, 13]
    result = done.result()
    assert result is not None
    assert result.gradient_checks is not None
    assert (result.gradient_checks["made"], result.gradient_checks["failed"]) == (4, 4)
    assert result.gradient_checks["largest_error"] == pytest.approx(1 / 3, rel=1e-2)  # |g/2 - g| / (|g/2| + |g| + r)
    assert [check.error for check in keep.checks] == [pytest.approx(1 / 3, rel=1e-2)] * 4


def test_quitting_the_debugger_interrupts_the_run(make_spec, wrong_bias: None, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("q\n"))
    done = run(make_spec(gradient_checks="pdb"), [keep := Keep()])
    assert done.status == "interrupted"
    assert [check.step for check in keep.checks] == [1]
    assert done.checkpoint().progress.step == 1, "the step under way is completed and kept"
    said = capsys.readouterr()
    assert "(Pdb)" in said.out
    assert "Traceback" not in said.out + said.err


def test_a_debugger_without_standard_input_interrupts_the_run(make_spec, wrong_bias: None, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    done = run(make_spec(gradient_checks="pdb"))
    assert done.status == "interrupted"
    assert done.checkpoint().progress.step == 1


def test_the_debugger_goes_on(make_spec, wrong_bias: None, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("c\n" * 2))
    done = run(make_spec(gradient_checks="pdb", gradient_check_every=10), [keep := Keep()])
    assert done.status == "finished"
    assert [check.step for check in keep.checks] == [1, 11]


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_bits_are_the_same_with_and_without(make_spec, engine: str) -> None:
    if engine == "torch":
        pytest.importorskip("torch")
    options = {
        "engine": engine,
        "dropout": 0.3,
        "batch_norm": True,
        "batch_size": 8,
        "weight_decay": 0.1,
        "optimizer": "momentum",
        "activation": "tanh",
        "label_smoothing": 0.1,
    }
    alone = run(make_spec(**options))
    checked = run(make_spec(**options, gradient_checks="error", gradient_check_every=2), [keep := Keep()])
    assert len(keep.checks) == 8
    assert all(check.passed for check in keep.checks)
    assert all(np.array_equal(checked.weights()[name], w) for name, w in alone.weights().items())


def test_a_diverged_cost_is_told_as_that(make_spec, capsys) -> None:
    done = run(
        make_spec(gradient_checks="warn", learning_rate=1e30, epochs=1, gradient_check_every=1), [keep := Keep()]
    )
    diverged = [check for check in keep.checks if "diverged" in check.message]
    assert diverged
    assert not any(check.passed for check in diverged)
    assert re.fullmatch(
        r"epoch 1, step \d: the cost is (nan|inf): the training has diverged, and there are no gradients to check",
        diverged[0].message,
    )
    result = done.result()
    assert result is not None
    assert result.gradient_checks is not None
    assert result.gradient_checks["made"] == len(keep.checks) - len(diverged)
    assert result.gradient_checks["failed"] == 0
    with pytest.raises(CheckFailedError, match=r"^epoch 1, step \d: the cost is (nan|inf): the training has diverged"):
        run(make_spec(gradient_checks="error", learning_rate=1e30, epochs=1, gradient_check_every=1))


def test_how_large_gradients_are_is_told(make_spec) -> None:
    run(make_spec(gradient_checks="error", gradient_check_every=100), [keep := Keep()])
    assert re.search(r"gradients up to \d\.\de-\d\d \(.*\) to \d\.\de[-+]\d\d \(.*\)", keep.checks[0].message)
