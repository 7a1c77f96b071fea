"""Every input of PyTorch's database of optimizers, in every engine, judged by PyTorch's own optimizers."""

import pytest

pytest.importorskip("torch", reason="PyTorch, the judge, is not installed")

from judges.optimizers import OPTIMIZERS
from judges.task import REASONS
from judges.trial import judge, of_optimizer

pytestmark = pytest.mark.parametrize("name", OPTIMIZERS)


def test_steps_are_pytorchs(engine, name):
    assert [sentence for trial in of_optimizer(name).judged for sentence in judge(engine, trial)] == []


def test_refuses_what_pytorch_refuses(name):
    """An optimizer is refused when it is made: no engine has a part in it."""
    assert [error for error in of_optimizer(name).errors if error is not None and error not in REASONS] == []


def test_every_input_is_accounted_for(name):
    docket = of_optimizer(name)
    assert len(docket.judged) + docket.unsupported.total() == docket.samples > 0
    assert docket.unsupported.keys() <= REASONS.keys()
