"""Gradient checks find a wrong gradient in a run, and leave the run alone."""

import numpy as np
import pytest

from backproof.engines.numpy.trainer import NumpyTrainer
from backproof.errors import UserError
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
    assert result.gradient_checks == {"made": 4, "failed": 4}


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
