from dataclasses import replace

import numpy as np
import pytest
from faults import engine_with

import backproof.ops  # noqa: F401  (fills the registry)
from backproof.engines.numpy import NumpyEngine
from backproof.engines.numpy.trainer import NumpyTrainer
from backproof.graph import OPERATIONS
from backproof.verify.core.case import make_case
from backproof.verify.core.tolerances import difference, tolerance
from backproof.verify.operations.check import check_ops


def test_grows_with_the_length_of_the_sum_and_shrinks_with_precision():
    assert tolerance("float64", 10_000) > 10 * tolerance("float64", 1)
    assert tolerance("float32", 100) > 1e8 * tolerance("float64", 100)
    assert tolerance("float64", 1) < 1e-14
    assert tolerance("float32", 1000) < 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("terms", [1, 10, 1000, 100_000])
def test_covers_the_rounding_of_real_sums(dtype, terms):
    """The same products, added in another order, one by one."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = (rng.standard_normal(terms) * rng.standard_normal(terms)).astype(dtype)
        there, back = np.cumsum(values)[-1], np.cumsum(values[::-1])[-1]
        scale = np.sqrt(terms)  # the size that such a sum has
        assert abs(float(there) - float(back)) / scale <= tolerance(dtype, terms)


def test_difference_is_relative_to_what_is_large():
    assert difference(np.array([1000.0, 1.0]), np.array([1001.0, 1.0])) == pytest.approx(1 / 1001)
    assert difference(np.array([1e-9]), np.array([2e-9])) == pytest.approx(1e-9)
    assert difference(np.zeros((2, 1)), np.zeros((1, 2))) == float("inf")
    assert difference(np.zeros(0), np.zeros(0)) == 0


NAN, INF = np.array([1.0, np.nan]), np.array([1.0, np.inf])


@pytest.mark.parametrize(("a", "b"), [(NAN, np.ones(2)), (np.ones(2), NAN), (NAN, NAN), (np.ones(2), INF), (INF, INF)])
@np.errstate(invalid="ignore")
def test_what_is_not_finite_is_no_agreement(a, b):
    assert np.isnan(difference(a, b))


def test_an_infinity_is_infinitely_far_from_a_number():
    assert difference(INF, np.ones(2)) == np.inf


SMALLEST = {"float64": 1e-12, "float32": 5e-4}
"""Relative faults that are caught wherever they are. See docs/tolerances.md."""


class OffByAFactor(NumpyTrainer):
    """Right but for a factor on everything that a pass gives."""

    def gradients(self, inputs, mode, optimizer=None):
        found = super().gradients(inputs, mode, optimizer)
        factor = np.dtype(self.dtype).type(1 + SMALLEST[self.dtype])

        def off(arrays):  # of a derivative that is 0 everywhere a share would be nothing
            wrong = {name: factor * array for name, array in arrays.items()}
            return {name: array if array.any() else array + (factor - 1) for name, array in wrong.items()}

        return replace(
            found,
            loss=found.loss * float(factor),
            output=found.output * factor,
            parameters=off(found.parameters),
            inputs=off(found.inputs),
            state=off(found.state),
        )


COMPUTES_FLOATS = [op for op in OPERATIONS.values() if any(make_case(s, 0).graph.loss for s in op.samples())]
"""A share of a whole number or a truth value is no fault that an engine could have."""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", COMPUTES_FLOATS, ids=lambda op: op.__name__)
def test_the_smallest_fault_is_caught_in_every_quantity(op, dtype):
    engine = engine_with(NumpyEngine, trainer=OffByAFactor)
    report = check_ops([engine], [op], dtypes=[dtype], seeds=[0], contract=False)
    compared = {f.what for f in report.findings if f.reference == "reference"}
    assert {f.what for f in report.failures} == compared
