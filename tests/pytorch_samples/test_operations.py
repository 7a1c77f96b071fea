"""Every sample of PyTorch's databases of operations and modules, in every engine, compared by PyTorch."""

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from pytorch_samples.functions import FUNCTIONS
from pytorch_samples.modules import MODULES
from pytorch_samples.operations import differences, of_module, of_operation, refuses
from pytorch_samples.translation import REASONS

COMPILED = ("jax",)
"""Engines that compile each sample anew, a third of a second each: quick tests take one sample of a function."""

ENTRIES = [*((of_operation, name) for name in FUNCTIONS), *((of_module, name) for name in MODULES)]

pytestmark = pytest.mark.parametrize(("outcome_of", "name"), ENTRIES, ids=[name for _, name in ENTRIES])


def test_agrees_with_pytorch(engine, outcome_of, name):
    compared = outcome_of(name).compared
    if engine.name in COMPILED:
        compared = compared[:1] if outcome_of is of_operation else ()
    assert [sentence for sample in compared for sentence in differences(engine, sample)] == []


@pytest.mark.slow
@pytest.mark.parametrize("engine", COMPILED, indirect=True)
def test_agrees_with_pytorch_on_all_samples(engine, outcome_of, name):
    assert [sentence for sample in outcome_of(name).compared for sentence in differences(engine, sample)] == []


def test_every_sample_is_accounted_for(outcome_of, name):
    outcome = outcome_of(name)
    assert len(outcome.compared) + outcome.unsupported.total() == outcome.samples > 0
    assert outcome.unsupported.keys() <= REASONS.keys()


def test_refuses_what_pytorch_refuses(engine, outcome_of, name):
    errors = [translation for translation in outcome_of(name).errors if not isinstance(translation, str)]
    assert [translation for translation in errors if not refuses(engine, translation)] == []
