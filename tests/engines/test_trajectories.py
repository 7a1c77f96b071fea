"""The same weights and the same batches: 100 training steps in float64, in every pair of engines."""

import numpy as np
import pytest

from backproof.engines import ENGINES, get_engine, installed
from backproof.graph import Builder, Graph, Shape, initial_parameters
from backproof.ops import Add, BatchNorm, Dropout, Linear, ReLU, SoftmaxCrossEntropy
from backproof.optim import OPTIMIZERS, Cosine
from backproof.verify import compare_trajectories

STEPS = 100


def residual_network() -> Graph:
    """All that must stay together: batch statistics, dropout, a residual sum.

    fc1 has no bias, since batch normalisation takes it away again: its gradient would be nothing but rounding, and
    Adagrad divides by √s + 1e-10, which makes steps of 1e-7 out of that, other ones in every engine.
    """
    net = Builder(Shape("N", 4))
    h = net("fc1", Linear(5, bias=False), net.x)
    h = net("bn1", BatchNorm(), h)
    branch = net("relu", ReLU(), h)
    branch = net("drop", Dropout(0.2), branch)
    branch = net("fc2", Linear(5), branch)
    h = net("add", Add(), branch, h)
    return net.graph(net("head", Linear(3), h)).with_loss(SoftmaxCrossEntropy())


def batches():
    """Three noisy classes; the last batch of each ten is smaller, as at the end of an epoch."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 4))
    for step in range(STEPS):
        y = rng.integers(0, 3, 4 if step % 10 == 9 else 8)
        yield {"x": centres[y] + 0.7 * rng.standard_normal((len(y), 4)), "y": y}


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_engines_stay_together(name, decay, record_property):
    engines = [get_engine(engine) for engine in ENGINES if installed(engine)]
    graph = residual_network()
    schedule = Cosine(steps=STEPS - 10, warmup=10, floor=0.1)
    optimizer = OPTIMIZERS[name](lr=0.02, schedule=schedule, weight_decay=1e-2, decay=decay)
    start = initial_parameters(graph, 1)
    pairs = compare_trajectories(graph, start, engines, optimizer, list(batches()), seed=1)
    assert len(pairs) == len(engines) * (len(engines) - 1) // 2
    for pair in pairs:
        record_property(f"{pair.a}-{pair.b}", (pair.worst_loss, pair.worst_parameter))
        assert pair.losses.shape == (STEPS,)
        assert set(pair.parameters) == set(graph.parameters), "running statistics are compared too"
        assert pair.worst_loss <= 1e-9, f"{pair.a} and {pair.b}"
        assert pair.worst_parameter <= 1e-8, f"{pair.a} and {pair.b}"


def test_the_network_learns_meanwhile():
    """Two engines that both stand still would agree too."""
    from backproof.verify.training.trajectory import train

    graph = residual_network()
    run = train(get_engine("numpy"), graph, initial_parameters(graph, 1), OPTIMIZERS["adam"](lr=0.02), batches())
    assert np.mean(run.costs[-10:]) < 0.7 * np.mean(run.costs[:10])
