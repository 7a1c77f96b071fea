"""Right engines are never blamed, whatever the seed."""

import numpy as np
import pytest
import trajectories
from false_alarms import NAMES, numbers, over_seeds, parity

from backproof.engines import get_engine, reference_engine
from backproof.graph import Shape, initial_parameters
from backproof.models import build
from backproof.ops import SoftmaxCrossEntropy
from backproof.optim import OPTIMIZERS
from backproof.verify import check_trajectory
from backproof.verify.optimizers.check import check_optimizers


def test_a_few_seeds():
    failures, ratios = parity(2000, 2002)
    assert failures == []
    assert all(r.max() < 1 for r in ratios.values())


@pytest.mark.parametrize("engine", ["reference", "numpy"])
def test_gradients_from_another_seed(engine):
    failures, _ = numbers(2000, engine)
    assert failures == []


def test_optimizers():
    report = check_optimizers([get_engine(name) for name in NAMES])
    assert report.failures == ()


@pytest.mark.slow
def test_a_thousand_seeds():
    failures, ratios = over_seeds(1000)
    assert failures == []
    assert sum(map(len, ratios.values())) > 1_000_000


def test_a_few_trainings():
    for seed in (3, 5):
        failures, worst, _ = trajectories.follow(seed, "float32")
        assert failures == []
        assert {"numpy"} <= set(worst)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("seed", "name"), [(5, "adamw"), (46, "adamw"), (5, "rmsprop"), (2, "adagrad")])
def test_batch_norm_of_two_samples_is_no_fault(seed, name, dtype):
    """Nothing but rounding is left of the gradient, and the optimizer divides it by itself."""
    rng = np.random.default_rng(seed)
    options = {"layers": (5, 4, 3), "batch_norm": True}
    graph = build("mlp", Shape("N", 5), 3, options).with_loss(SoftmaxCrossEntropy())
    batches = [{"x": rng.standard_normal((2, 5)), "y": rng.integers(0, 3, 2)} for _ in range(8)]
    engines = [get_engine(name) for name in NAMES if name != "reference"]
    report = check_trajectory(
        graph,
        initial_parameters(graph, seed),
        engines,
        OPTIMIZERS[name](),
        batches,
        reference=reference_engine(vectorised=True),
        dtype=dtype,
    )
    assert report.passed, report.failures


@pytest.mark.slow
def test_trainings_from_a_thousand_seeds():
    failures, _, steps = trajectories.over_seeds(range(1000))
    assert failures == []
    assert steps > 15_000
