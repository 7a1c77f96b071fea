"""Every sample of PyTorch's databases of operations and modules, in every engine, judged by PyTorch."""

import pytest

pytest.importorskip("torch", reason="PyTorch, the judge, is not installed")

from judges.functions import FUNCTIONS
from judges.judge import judge, of_module, of_operation, refuses
from judges.modules import MODULES
from judges.task import REASONS

COMPILED = ("jax",)
"""Engines that compile each sample anew, a third of a second each: quick tests take one sample of a function."""

ENTRIES = [*((of_operation, name) for name in FUNCTIONS), *((of_module, name) for name in MODULES)]

pytestmark = pytest.mark.parametrize(("docket_of", "name"), ENTRIES, ids=[name for _, name in ENTRIES])


def test_agrees_with_pytorch(engine, docket_of, name):
    judged = docket_of(name).judged
    if engine.name in COMPILED:
        judged = judged[:1] if docket_of is of_operation else ()
    assert [sentence for sample in judged for sentence in judge(engine, sample)] == []


@pytest.mark.slow
@pytest.mark.parametrize("engine", COMPILED, indirect=True)
def test_agrees_with_pytorch_on_all_samples(engine, docket_of, name):
    assert [sentence for sample in docket_of(name).judged for sentence in judge(engine, sample)] == []


def test_every_sample_is_accounted_for(docket_of, name):
    docket = docket_of(name)
    assert len(docket.judged) + docket.unsupported.total() == docket.samples > 0
    assert docket.unsupported.keys() <= REASONS.keys()


def test_refuses_what_pytorch_refuses(engine, docket_of, name):
    errors = [task for task in docket_of(name).errors if not isinstance(task, str)]
    assert [task for task in errors if not refuses(engine, task)] == []
