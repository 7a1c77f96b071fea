"""The reference engine over whole arrays: the same as its plain loops, by other code."""

from dataclasses import replace

import numpy as np
import pytest

from backproof.engines import Mode, reference_engine
from backproof.engines.reference import VectorisedReference
from backproof.engines.reference.kernels import KERNELS
from backproof.engines.reference.vectorised import VECTORISED
from backproof.graph import OPERATIONS, Sequential, Shape, initial_parameters
from backproof.ops import MSE, BatchNorm, Flatten, Linear, MaxPool2d, Parameter, ReLU6, Reshape, View
from backproof.optim import OPTIMIZERS
from backproof.verify import check_ops, check_optimizers
from backproof.verify.core.case import make_case, run_case


class Vectorised(VectorisedReference):
    """Under a name of its own, so that it is compared with the loops."""

    name = "vectorised"


@pytest.mark.parametrize("name", OPERATIONS.built_in)
def test_every_operation_on_every_sample(name):
    report = check_ops([Vectorised()], [OPERATIONS[name]], dtypes=["float64"])
    assert report.passed, report.failures
    assert {f.reference for f in report.findings} >= {"reference"}
    # Far below the tolerance: both are in float64, and only the order of sums differs.
    assert max(f.badness for f in report.findings) < 0.5


def test_every_operation_that_computes_has_code_of_its_own():
    rearranging = {Flatten, Reshape, View, Parameter}
    assert set(OPERATIONS.built_in.values()) - set(VECTORISED.maps[0]) == rearranging
    for op, kernel in VECTORISED.maps[0].items():
        assert not isinstance(kernel, type(KERNELS[op]))


@pytest.mark.parametrize("name", OPTIMIZERS.built_in)
def test_every_optimizer(name):
    report = check_optimizers([Vectorised()], [OPTIMIZERS[name]], dtypes=["float64"])
    assert report.passed, report.failures


def test_a_training_with_coupled_decay_is_the_same():
    graph = Sequential(("fc", Linear(4, bias=False)), ("bn", BatchNorm()), ("act", ReLU6()), ("head", Linear(2)))
    graph = graph.build(Shape("N", 3)).with_loss(MSE())
    rng = np.random.default_rng(0)
    batches = [{"x": 3 * rng.standard_normal((5, 3)), "y": rng.standard_normal((5, 2))} for _ in range(4)]
    optimizer = OPTIMIZERS["adam"](weight_decay=0.1, decay="coupled", lr=0.05)
    ends = []
    for engine in (reference_engine(), reference_engine(vectorised=True)):
        trainer = engine.compile(graph, initial_parameters(graph, 0), dtype="float64")
        costs = [trainer.train_step(b, optimizer, Mode(True, step=i)).cost for i, b in enumerate(batches)]
        ends.append({**trainer.parameters(), **trainer.optimizer_state(), "costs": np.array(costs)})
    loops, arrays = ends
    assert loops.keys() == arrays.keys()
    for name, value in loops.items():
        np.testing.assert_allclose(arrays[name], value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("op", [MaxPool2d(2), ReLU6()])
def test_what_is_not_finite_goes_the_same_way(op):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((1, 2, 4, 4))
    x[0, 0, :2, :2] = -np.inf
    x[0, 1, 0, :3], x[0, 1, 3, 3] = np.nan, np.inf
    graph = Sequential(("op", op)).build(Shape("N", 2, 4, 4)).with_loss(MSE())
    inputs = {"x": x, "y": rng.standard_normal(graph.shapes["op"].bind(1))}
    with np.errstate(all="ignore"):
        a, b = (e.compile(graph, {}).gradients(inputs, Mode()) for e in (reference_engine(), VectorisedReference()))
    np.testing.assert_array_equal(a.output, b.output)
    np.testing.assert_array_equal(np.isfinite(a.inputs["x"]), np.isfinite(b.inputs["x"]))


def test_check_holds_it_against_the_loops(monkeypatch):
    class Wrong(type(VECTORISED[Linear])):
        def forward(self, op, inputs, p, call):
            y, saved = super().forward(op, inputs, p, call)
            return y * 1.000001, saved

    assert check_ops([reference_engine()], [Linear], dtypes=["float64"]).passed
    monkeypatch.setitem(VECTORISED.maps[0], Linear, Wrong())
    failures = check_ops([reference_engine()], [Linear], dtypes=["float64"]).failures
    assert failures
    assert all("over whole arrays" in f.case for f in failures)


@pytest.mark.parametrize("name", OPERATIONS.built_in)
@pytest.mark.parametrize("size", [1e110, -1e200])
def test_the_loops_overflow_to_infinity_as_arrays_do(name, size):
    """A run that diverges goes on, or stops with a word; it ends in no error of Python's numbers."""
    for sample in OPERATIONS[name].samples():
        case = make_case(sample, 0)
        inputs = {i: np.asarray(x * size) if x.dtype.kind == "f" else x for i, x in case.inputs.items()}
        with np.errstate(all="ignore"):
            run_case(reference_engine(), replace(case, inputs=inputs))
