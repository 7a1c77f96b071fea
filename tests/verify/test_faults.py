"""Every planted fault is found by the check that a user would run, at its operation and quantity, and nowhere else."""

import pytest
from faults import FAULTS, NAME, engine_with
from faults.convolution import Convolution
from faults.dropout import Dropping
from faults.linear import FullyConnected
from faults.normalisation import Normalising

from backproof.graph import Op
from backproof.ops import BatchNorm, Conv2d, Dropout, Dropout2d, Linear
from backproof.verify.operations.check import check_ops
from backproof.verify.optimizers.check import check_optimizers

OF_OPERATIONS = [fault for fault in FAULTS if issubclass(fault.subject, Op)]
OF_OPTIMIZERS = [fault for fault in FAULTS if not issubclass(fault.subject, Op)]

CONVENTIONS = {
    "DerivativeOneAtZero",
    "DerivativeOneAtTheBounds",
    "SlopeOneAtZero",
    "LastOfEqualOnes",
    "EveryEqualOne",
    "SignOfZeroIsOne",
    "SlopeAtTheHinge",
    "TiesToBoth",
}
"""Faults at kinks, where there is no derivative for numbers to find: only another engine can tell."""

ROUNDING = {"SummedInFloat32", "RoundedToFloat32"}
"""Faults about as small as what finite differences see: some are found, others not."""


GRADIENTS = {"gradient of input", "gradient of weight", "gradient of bias"}


def quantity(what: str) -> str:
    """What a finding is about, whichever input or parameter it is."""
    return "gradient of input" if what.startswith("gradient of input") else what


def test_there_are_enough_of_them():
    assert len({fault.name for fault in FAULTS}) >= 60
    assert len({fault.subject for fault in FAULTS}) >= 25


@pytest.mark.parametrize(
    ("op", "kernel"),
    [
        (Conv2d, Convolution()),
        (Linear, FullyConnected()),
        (Dropout, Dropping()),
        (Dropout2d, Dropping()),
        (BatchNorm, Normalising()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_the_faults_are_made_from_is_right(op, kernel):
    report = check_ops([engine_with(kernels={op: kernel})], [op], dtypes=["float64"])
    assert report.failures == ()


@pytest.mark.parametrize("fault", OF_OPERATIONS, ids=str)
def test_a_fault_in_an_operation(fault):
    report = check_ops([fault.engine], [fault.subject], dtypes=["float64"], seeds=[0])
    assert {quantity(f.what) for f in report.failures} == fault.at
    assert {(f.subject, f.engine) for f in report.failures} == {(fault.subject.__name__, NAME)}
    assert all(f.detail and fault.subject.__name__ in f.replay for f in report.failures)


@pytest.mark.parametrize("fault", OF_OPTIMIZERS, ids=str)
def test_a_fault_in_an_optimizer(fault):
    report = check_optimizers([fault.engine], [fault.subject], dtypes=["float64"])
    # Names are those of a layer's weight and bias, and of the state kept for each: v/weight, v/bias.
    found = {
        "weight" if f.what in ("weight", "bias") else f.what.removeprefix("optimizer ").split("/")[0]
        for f in report.failures
    }
    assert found == fault.at
    assert {(f.subject, f.engine) for f in report.failures} == {(fault.subject.__name__, NAME)}


@pytest.mark.parametrize(
    "fault",
    [f for f in OF_OPERATIONS if f.at <= GRADIENTS and f.name not in ROUNDING],
    ids=str,
)
def test_numbers_alone_find_a_wrong_gradient(fault):
    """No engine beside it is needed: the faulty engine is its own reference, compared with numbers."""
    report = check_ops([fault.engine], [fault.subject], dtypes=["float64"], seeds=[0], reference=fault.engine)
    found = {quantity(f.what) for f in report.failures if f.reference == "finite differences"}
    assert found == (set() if fault.name in CONVENTIONS else fault.at)
