"""Training runs are followed step by step; rounding is told from a fault, and the step and the tensor are named."""

import numpy as np
import pytest

from backproof.engines import Capabilities, get_engine, installed
from backproof.errors import UserError
from backproof.graph import Sequential, Shape, initial_parameters
from backproof.ops import BatchNorm, Linear, ReLU, SoftmaxCrossEntropy
from backproof.optim import OPTIMIZERS, SGD, Adam
from backproof.verify import check_trajectory

STEPS = 12


@pytest.fixture
def training():
    graph = Sequential(("fc", Linear(6)), ("bn", BatchNorm()), ("relu", ReLU()), ("head", Linear(3))).build(
        Shape("N", 5)
    )
    graph = graph.with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    batches = [{"x": rng.standard_normal((8, 5)), "y": rng.integers(0, 3, 8)} for _ in range(STEPS)]
    return graph, initial_parameters(graph), batches


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["nesterov", "adam", "adagrad"])
def test_right_engines_stay_together(training, name, dtype):
    graph, parameters, batches = training
    engines = [get_engine(e) for e in ("numpy", "torch", "numba") if installed(e)]
    report = check_trajectory(
        graph, parameters, engines, OPTIMIZERS[name](lr=0.05), batches, reference=get_engine("numpy"), dtype=dtype
    )
    assert report.passed, report.failures
    assert len(report.growth.explained) == STEPS
    assert max(report.growth.error["numpy"]) == 0
    assert f"over {STEPS} training steps" in report.verdict


def test_a_check_of_no_steps_is_refused(training):
    graph, parameters, _ = training
    with pytest.raises(UserError, match="one batch or more"):
        check_trajectory(graph, parameters, [get_engine("numpy")], SGD(), [], reference=get_engine("numpy"))


class Late:
    """An engine that takes another rate from a step on, by as little as one millionth."""

    name = "late"
    capabilities = Capabilities()

    def __init__(self, step: int) -> None:
        self._step = step

    def compile(self, *args, **kwargs):
        trainer = get_engine("numpy").compile(*args, **kwargs)
        take = trainer.train_step
        trainer.train_step = lambda inputs, optimizer, mode: take(
            inputs, SGD(lr=0.2 * (1 + 1e-6)) if mode.step >= self._step else optimizer, mode
        )
        return trainer


@pytest.mark.parametrize("step", [0, 5])
def test_the_step_where_they_part_is_named(training, step):
    graph, parameters, batches = training
    report = check_trajectory(graph, parameters, [Late(step)], SGD(lr=0.2), batches, reference=get_engine("numpy"))
    first = report.first_failure
    assert (first.case, first.what) == (f"step {step + 1}", "weights")
    assert report.verdict.startswith(f"late parts from numpy at step {step + 1}, first in weights of ")
    assert report.growth.error["late"][:step] == [0] * step


def test_stale_statistics_are_named(training):
    graph, parameters, batches = training

    class Stale:
        name = "stale"
        capabilities = Capabilities()

        def compile(self, graph, parameters, **kwargs):
            trainer = get_engine("numpy").compile(graph, parameters, **kwargs)
            take = trainer.train_step

            def step(inputs, optimizer, mode):
                before = trainer.parameters()["bn.running_var"]
                result = take(inputs, optimizer, mode)
                trainer.load(trainer.parameters() | {"bn.running_var": before})
                return result

            trainer.train_step = step
            return trainer

    report = check_trajectory(graph, parameters, [Stale()], Adam(), batches, reference=get_engine("numpy"))
    assert {f.subject for f in report.failures} == {"bn.running_var"}
    assert report.first_failure.case == "step 1"


@pytest.mark.parametrize("seed", range(12))
def test_a_kink_that_rounding_crosses_is_no_fault(seed):
    """A ReLU whose input is 0 but for rounding: the engine decides it otherwise, and so do some of the draws."""
    graph = Sequential(("fc", Linear(1)), ("relu", ReLU()), ("head", Linear(3))).build(Shape("N", 3))
    graph = graph.with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal(2)
    crossed = {"fc.weight": np.array([[a, b, -(a + b)]]), "fc.bias": np.array([1e-17])}

    class Across:
        name = "across"
        capabilities = Capabilities()

        def compile(self, graph, parameters, **kwargs):
            return get_engine("numpy").compile(graph, {**parameters, "fc.bias": np.array([-1e-17])}, **kwargs)

    batch = {"x": np.ones((4, 3)), "y": rng.integers(0, 3, 4)}
    parameters = initial_parameters(graph, seed) | crossed
    report = check_trajectory(graph, parameters, [Across()], SGD(lr=0.1), [batch] * 3, reference=get_engine("numpy"))
    assert report.passed, report.failures


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["nesterov", "adagrad"])
@pytest.mark.parametrize(("seed", "scale"), [(1, 6), (2, 3), (0, 12)])
def test_a_sample_that_the_network_is_sure_of_is_no_fault(seed, scale, name, dtype):
    """softmax - target cancels, to what is left of a rounding of 1, and all gradients come from there."""
    graph = Sequential(("fc", Linear(6)), ("head", Linear(3))).build(Shape("N", 5)).with_loss(SoftmaxCrossEntropy())
    engines = [get_engine(e) for e in ("numpy", "torch", "numba") if installed(e)]
    parameters = {n: w * scale ** (n == "head.weight") for n, w in initial_parameters(graph, seed).items()}
    x = np.random.default_rng(seed).standard_normal((1, 5))
    scores = engines[0].compile(graph, parameters, dtype="float64").forward({"x": x})[graph.output]
    batch = {"x": x, "y": scores.argmax(1)}
    report = check_trajectory(
        graph, parameters, engines, OPTIMIZERS[name](), [batch] * 2, reference=engines[0], dtype=dtype
    )
    assert report.passed, report.failures
