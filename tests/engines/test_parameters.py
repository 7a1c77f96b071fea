"""Weights that stand by themselves: tied, constant, broadcast over the batch."""

import numpy as np
import pytest

from backproof.engines import Mode, get_engine
from backproof.graph import Builder, Graph, Shape, initial_parameters
from backproof.ops import MSE, Add, BatchNorm, Conv2d, Linear, Mul, Parameter, ReLU, Tanh
from backproof.optim import SGD, AdamW

TRAIN = Mode(training=True)


def tied() -> Graph:
    """relu(bn(conv(x · scale + mean)) + tanh bias) · scale + bias, where `mean` is constant."""
    net = Builder(Shape("N", 2, 3, 4))
    mean = net("mean", Parameter((2, 1, 1), trainable=False, initializer="ones"))
    scale, bias = net("scale", Parameter((2, 3, 4))), net("bias", Parameter((4,), decay=False))
    h = net("moved", Add(), net("scaled", Mul(), scale, net.x), mean)
    h = net("bn", BatchNorm(), net("conv", Conv2d(2, 1), h))
    h = net("relu", ReLU(), net("biased", Add(), h, net("bent", Tanh(), bias)))
    return net.graph(net("end", Add(), bias, net("again", Mul(), h, scale))).with_loss(MSE())


def batch(n: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(n)
    return {name: rng.standard_normal((n, 2, 3, 4)) for name in ("x", "y")}


@pytest.fixture
def graph() -> Graph:
    return Graph.from_json(tied().to_json())


def test_json_and_weights(graph):
    assert graph == tied()
    assert graph.shapes["scale"] == Shape(2, 3, 4)
    assert graph.shapes["end"] == Shape("N", 2, 3, 4)
    weights = initial_parameters(graph)
    assert np.all(weights["mean.weight"] == 1)
    assert 0 < np.abs(weights["scale.weight"]).max() < 0.1
    assert graph.parameters["scale.weight"].decay
    assert not graph.parameters["bias.weight"].decay
    assert "mean.weight" not in graph.statistics
    assert "bn.running_mean" in graph.statistics


def test_a_tied_weight_gets_the_sum_of_its_gradients(engine, reference, graph):
    weights = {name: w + 0.5 for name, w in initial_parameters(graph).items()}
    trainer, other = (e.compile(graph, weights, dtype="float64") for e in (engine, reference))
    for n in (3, 1, 3):
        found, expected = (t.gradients(batch(n), TRAIN) for t in (trainer, other))
        assert found.parameters.keys() == expected.parameters.keys()
        assert found.state.keys() == {"bn.running_mean", "bn.running_var"}
        for name, g in (expected.parameters | expected.inputs).items():
            got = (found.parameters | found.inputs)[name]
            np.testing.assert_allclose(got, g, rtol=1e-9, atol=1e-12, err_msg=name)
        values, right = (t.forward(batch(n), want=graph.node) for t in (trainer, other))
        for name in graph.node:
            np.testing.assert_allclose(values[name], right[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_one_weight_by_hand(engine):
    """L = mean over the batch of (w x + w)²: dL/dw = 2/N Σ (w x + w) (x + 1); the constant does not move."""
    net = Builder(Shape("N", 1))
    w, c = net("w", Parameter((1,))), net("c", Parameter((1,), trainable=False))
    h = net("sum", Add(), net("product", Mul(), net.x, w), w)
    graph = net.graph(net("shifted", Add(), h, c)).with_loss(MSE())
    trainer = engine.compile(graph, {"w.weight": np.array([2.0]), "c.weight": np.array([0.0])}, dtype="float64")
    x = np.array([[1.0], [-3.0], [0.5]])
    inputs = {"x": x, "y": np.zeros((3, 1))}
    slope = 2 * np.mean((2 * x + 2) * (x + 1))
    assert trainer.gradients(inputs, TRAIN).parameters["w.weight"] == pytest.approx(slope, rel=1e-12)
    trainer.train_step(inputs, SGD(lr=0.1), TRAIN)
    assert trainer.parameters()["w.weight"] == pytest.approx(2 - 0.1 * slope, rel=1e-12)
    assert trainer.parameters()["c.weight"] == 0


def test_decay_is_as_declared(engine, graph):
    weights = {name: w + 0.5 for name, w in initial_parameters(graph).items()}
    trainer = engine.compile(graph, weights, dtype="float64")
    plain = trainer.gradients(batch(), TRAIN).parameters
    coupled = trainer.gradients(batch(), TRAIN, SGD(weight_decay=0.1)).parameters
    np.testing.assert_allclose(
        coupled["scale.weight"] - plain["scale.weight"], 0.1 * weights["scale.weight"], rtol=1e-9
    )
    np.testing.assert_array_equal(coupled["bias.weight"], plain["bias.weight"])


def test_low_memory_gives_the_same_bits(graph):
    normal, low = (get_engine("numpy", memory=m).compile(graph, initial_parameters(graph)) for m in ("normal", "low"))
    feed = {name: x.astype(np.float32) for name, x in batch().items()}
    for step in range(3):
        outputs = [t.train_step(feed, AdamW(), Mode(training=True, step=step)).output for t in (normal, low)]
        np.testing.assert_array_equal(*outputs)
    for name, w in normal.parameters().items():
        np.testing.assert_array_equal(low.parameters()[name], w, err_msg=name)


def test_what_does_not_broadcast_is_refused():
    from backproof.errors import UserError

    net = Builder(Shape("N", 3, 4))
    wrong = net("wrong", Parameter((3,)))
    with pytest.raises(UserError, match=r"node 'sum' on \(N, 3, 4\) and \(3,\): Add takes two inputs of equal shape"):
        net("sum", Add(), net.x, wrong)
    with pytest.raises(UserError, match=r"node 'fc' on \(3,\): Linear takes an input of shape \(N, ..., features\)"):
        net("fc", Linear(2), wrong)
    with pytest.raises(UserError, match="Parameter takes 0 inputs, not 1"):
        net("p", Parameter((3,)), net.x)
    with pytest.raises(UserError, match="dimensions of 1 or more"):
        Parameter((0,))
