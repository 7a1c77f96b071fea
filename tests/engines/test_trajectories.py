"""The same weights and the same batches: 100 training steps in float64, in every pair of engines."""

from itertools import combinations, count

import numpy as np
import pytest

from backproof.engines import ENGINES, Mode, get_engine, installed
from backproof.graph import Builder, Graph, Shape, initial_parameters
from backproof.ops import Add, BatchNorm, Dropout, Linear, ReLU, SoftmaxCrossEntropy
from backproof.optim import OPTIMIZERS, Cosine

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


def train(engine, graph, parameters, optimizer, batches):
    """The cost at each step, and all parameters at the end."""
    trainer = engine.compile(graph, parameters, dtype="float64")
    modes = (Mode(training=True, seed=1, step=step) for step in count())
    costs = [trainer.train_step(batch, optimizer, mode).cost for batch, mode in zip(batches, modes, strict=False)]
    return np.array(costs), trainer.parameters()


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_engines_stay_together(name, decay, record_property):
    engines = [e for e in map(get_engine, filter(installed, ENGINES)) if e.capabilities.trains]
    graph = residual_network()
    schedule = Cosine(steps=STEPS - 10, warmup=10, floor=0.1)
    optimizer = OPTIMIZERS[name](lr=0.02, schedule=schedule, weight_decay=1e-2, decay=decay)
    start = initial_parameters(graph, 1)
    runs = [(engine.name, *train(engine, graph, start, optimizer, batches())) for engine in engines]
    for (a, costs_a, ends_a), (b, costs_b, ends_b) in combinations(runs, 2):
        assert ends_a.keys() == ends_b.keys() == graph.parameters.keys(), "running statistics are compared too"
        parameter = max(np.max(np.abs(ends_a[name] - ends_b[name])) for name in ends_a)
        cost = np.max(np.abs(costs_a - costs_b) / np.abs(costs_b))
        record_property(f"{a}-{b}", (float(cost), float(parameter)))
        assert costs_a.shape == (STEPS,)
        assert cost <= 1e-9, f"{a} and {b}"
        assert parameter <= 1e-8, f"{a} and {b}"


def test_the_network_learns_meanwhile():
    """Two engines that both stand still would agree too."""
    graph = residual_network()
    costs, _ = train(get_engine("numpy"), graph, initial_parameters(graph, 1), OPTIMIZERS["adam"](lr=0.02), batches())
    assert np.mean(costs[-10:]) < 0.7 * np.mean(costs[:10])
