"""Engines that differ are told apart, and those that agree are not."""

from dataclasses import replace

import numpy as np
import pytest

from backproof.engines import get_engine
from backproof.engines.reference.kernels import KERNELS
from backproof.graph import Sample, Sequential, Shape, initial_parameters
from backproof.ops import BatchNorm, Linear, SoftmaxCrossEntropy
from backproof.optim import SGD, Momentum
from backproof.verify import compare_ops, compare_trajectories
from backproof.verify.core.case import Difference, compare_case, make_case, run_case, sensitivity


def failures(op):
    numpy, reference = get_engine("numpy"), get_engine("reference")
    return {d.what for sample in op.samples() for d in compare_ops(numpy, reference, sample, 0) if not d.passed}


def test_right_engines_agree():
    assert failures(Linear) == failures(BatchNorm) == set()


def test_a_wrong_bias_gradient_is_named(monkeypatch):
    class Wrong(type(KERNELS[Linear])):
        def backward(self, op, dy, saved, p, g, call):
            dxs = super().backward(op, dy, saved, p, g, call)
            if op.bias:
                g["bias"][:] = 0
            return dxs

    monkeypatch.setitem(KERNELS, Linear, Wrong())
    assert failures(Linear) == {"gradient of op.bias"}


def test_a_biased_running_variance_is_named(monkeypatch):
    class Biased(type(KERNELS[BatchNorm])):
        def forward(self, op, inputs, p, call):
            y, saved = super().forward(op, inputs, p, call)
            if call.mode.training:
                (x,) = inputs
                m = 1 / call.state["num_batches_tracked"] if op.momentum is None else op.momentum
                biased = x.var(axis=tuple(axis for axis in range(x.ndim) if axis != 1))
                call.state["running_var"] = (1 - m) * p["running_var"] + m * biased
            return y, saved

    monkeypatch.setitem(KERNELS, BatchNorm, Biased())
    assert failures(BatchNorm) == {"state op.running_var"}


def test_an_ill_conditioned_case_is_given_room():
    """Four numbers that are nearly equal: in float32 every engine is far off, and none is to blame."""
    numpy, reference = get_engine("numpy"), get_engine("reference")
    sample = Sample(op=BatchNorm(eps=1e-12), shapes=((4, 1),))
    case = make_case(sample, 0)
    x = 1 + 1e-3 * case.inputs["x0"]
    close = replace(case, inputs=case.inputs | {"x0": x})
    right, found = run_case(reference, close), run_case(numpy, close, "float32")
    strict = compare_case(found, right, close, "float32", 0.0)
    fair = compare_case(found, right, close, "float32", sensitivity(reference, close, right, "float32"))
    assert not all(d.passed for d in strict)
    assert all(d.passed for d in fair)


def test_a_missing_array_is_a_difference():
    case = make_case(next(Linear.samples()), 0)
    (only,) = compare_case({"output": np.zeros(2)}, {}, case, "float64", 0.0)
    assert only == Difference("output", float("inf"), only.tolerance)
    assert not only.passed


def test_nan_is_a_difference():
    assert not Difference("output", float("nan"), 1.0).passed


def test_cases_are_drawn_from_the_seed():
    sample = next(BatchNorm.samples())
    one, again, other = make_case(sample, 0), make_case(sample, 0), make_case(sample, 1)
    np.testing.assert_array_equal(one.inputs["x0"], again.inputs["x0"])
    assert np.any(one.inputs["x0"] != other.inputs["x0"])
    assert np.all(one.parameters["op.running_var"] > 0)


@pytest.fixture
def setting():
    graph = Sequential(("fc", Linear(4)), ("bn", BatchNorm()), Linear(2)).build(Shape("N", 3))
    graph = graph.with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    batches = [{"x": rng.standard_normal((4, 3)), "y": rng.integers(0, 2, 4)} for _ in range(5)]
    return graph, initial_parameters(graph), batches


def test_trajectories_show_when_engines_part(setting):
    graph, parameters, batches = setting

    class Late:
        """An engine that goes wrong at the third step."""

        name = "late"

        def compile(self, *args, **kwargs):
            trainer = get_engine("numpy").compile(*args, **kwargs)
            step = trainer.train_step
            trainer.train_step = lambda inputs, optimizer, mode: step(
                inputs, SGD(lr=0.1) if mode.step == 2 else optimizer, mode
            )
            return trainer

    (pair,) = compare_trajectories(graph, parameters, [get_engine("reference"), Late()], SGD(lr=0.2), batches)
    assert (pair.a, pair.b) == ("reference", "late")
    assert np.all(pair.losses[:3] < 1e-13)
    assert pair.losses[3] > 1e-6
    assert pair.worst_loss == pair.losses.max()
    assert pair.worst_parameter == max(pair.parameters.values()) > 1e-4
    assert "bn.running_mean" in pair.parameters


def test_every_pair_is_compared(setting):
    graph, parameters, batches = setting
    engines = [get_engine("reference"), get_engine("numpy"), get_engine("reference")]
    pairs = compare_trajectories(graph, parameters, engines, Momentum(), batches)
    assert [(pair.a, pair.b) for pair in pairs] == [
        ("reference", "numpy"),
        ("reference", "reference"),
        ("numpy", "reference"),
    ]
    assert pairs[1].worst_loss == pairs[1].worst_parameter == 0
