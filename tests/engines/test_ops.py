"""Every operation in every engine passes its check: results on all samples, and the contract of every engine."""

import numpy as np
import pytest

import backproof.ops  # noqa: F401  (fills the registry)
from backproof.engines import DType
from backproof.graph import OPERATIONS
from backproof.verify import check_ops
from backproof.verify.core.case import make_case

by_op = pytest.mark.parametrize("op", [*OPERATIONS.values()], ids=lambda op: op.__name__)


def check(engine, op) -> None:
    if op not in engine.operations:
        pytest.skip(f"engine '{engine.name}' has no kernel for {op.__name__}")
    dtypes: list[DType] = [dtype for dtype in ("float64", "float32") if dtype in engine.capabilities.dtypes]
    report = check_ops([engine], [op], dtypes=dtypes)
    assert report.passed, "\n".join(map(str, report.failures[:5] or report.skipped))


def test_every_engine_computes_every_operation(any_engine):
    """One that has no kernel is skipped by the others below, and by `check`."""
    assert set(OPERATIONS.values()) <= set(any_engine.operations)


@by_op
def test_operation(any_engine, op, monkeypatch):
    """Where each sample is compiled anew, for a quarter of a second, the first alone; `-m slow` takes all."""
    if any_engine.capabilities.speed == "compiles":
        first = next(iter(op.samples()))
        monkeypatch.setattr(op, "samples", classmethod(lambda cls: [first]))
    check(any_engine, op)


@pytest.mark.slow
@by_op
def test_operation_on_all_samples(any_engine, op):
    if any_engine.capabilities.speed != "compiles":
        pytest.skip("test_operation takes all samples")
    check(any_engine, op)


@by_op
def test_running_statistics_move_in_training(reference, op):
    """The others are compared with the reference; that it does anything at all is told by this alone."""
    for sample in (sample for sample in op.samples() if sample.finite):
        case = make_case(sample, 0)
        if case.graph.loss is None:  # whole numbers and truth values, which no gradient reaches
            assert not case.graph.statistics
            continue
        with np.errstate(all="ignore"):  # powers of numbers below 0 have no slope
            found = reference.compile(case.graph, case.parameters, dtype="float64").gradients(case.inputs, case.mode)
        assert set(found.state) == (case.graph.statistics if sample.training else set()), str(sample)
        assert all(np.any(value != case.parameters[name]) for name, value in found.state.items()), str(sample)
