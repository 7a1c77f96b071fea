"""Every input of PyTorch's database of optimizers, in every engine, compared by PyTorch's own optimizers."""

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from pytorch_samples.optimizer_steps import differences, of_optimizer
from pytorch_samples.optimizers import OPTIMIZERS
from pytorch_samples.translation import REASONS

pytestmark = pytest.mark.parametrize("name", OPTIMIZERS)


def test_steps_are_pytorchs(engine, name):
    assert [sentence for steps in of_optimizer(name).compared for sentence in differences(engine, steps)] == []


def test_refuses_what_pytorch_refuses(name):
    """An optimizer is refused when it is made: no engine has a part in it."""
    assert [error for error in of_optimizer(name).errors if error is not None and error not in REASONS] == []


def test_every_input_is_accounted_for(name):
    outcome = of_optimizer(name)
    assert len(outcome.compared) + outcome.unsupported.total() == outcome.samples > 0
    assert outcome.unsupported.keys() <= REASONS.keys()
