"""Fused chains: which are found, and that they give the same bits as the network as it was written."""

import numpy as np

from backproof.engines import Mode
from backproof.engines.numpy import NumpyEngine
from backproof.engines.numpy.fusion import BatchNormReLU, LinearReLU, fuse
from backproof.graph import Builder, Graph, Shape, initial_parameters
from backproof.ops import AdaptiveAvgPool2d, Add, BatchNorm, Conv2d, Flatten, Linear, ReLU, SoftmaxCrossEntropy
from backproof.optim import Adam


def residual_block() -> Graph:
    """conv-bn-relu, then a block whose shortcut is a conv-bn, as in ResNet; the batch is wider than a block of rows."""
    net = Builder(Shape("N", 3, 9, 9))
    h = net("conv1", Conv2d(8, 3, padding=1, bias=False), net.x)
    x = net("relu1", ReLU(), net("bn1", BatchNorm(), h))
    h = net("bn2", BatchNorm(), net("conv2", Conv2d(8, 3, padding=1, bias=False), x))
    short = net("bn3", BatchNorm(), net("conv3", Conv2d(8, 1, bias=False), x))
    h = net("relu2", ReLU(), net("add", Add(), h, short))
    h = net("flatten", Flatten(), net("pool", AdaptiveAvgPool2d(1), h))
    return net.graph(net("fc", Linear(4), h)).with_loss(SoftmaxCrossEntropy())


def batch(n: int = 70) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"x": rng.standard_normal((n, 3, 9, 9)), "y": rng.integers(0, 4, n)}


def test_which_chains_are_found():
    nodes = {node.name: node for node in fuse(residual_block()).nodes}
    assert isinstance(nodes["relu1"].op, BatchNormReLU)
    assert nodes["relu1"].inputs == ("conv1",)
    assert nodes["relu1"].path("weight") == "bn1.weight"
    assert nodes["relu2"].inputs == ("conv2", "bn3")
    assert isinstance(nodes["bn3"].op, BatchNorm), "a residual's own BatchNorm has no ReLU"
    assert not {"bn1", "bn2", "add"} & nodes.keys()
    assert fuse(residual_block()).parameters.keys() == residual_block().parameters.keys()


def test_what_the_user_computes_is_not_fused():
    assert not {BatchNormReLU} & {type(node.op) for node in fuse(residual_block(), apart={BatchNorm}).nodes}
    names = {node.name for node in fuse(residual_block(), apart={Add}).nodes}
    assert {"add", "bn2"} <= names
    assert "bn1" not in names


def test_linear_and_relu():
    net = Builder(Shape("N", 5))
    h = net("relu", ReLU(), net("fc1", Linear(7), net.x))
    graph = net.graph(net("fc2", Linear(3), h)).with_loss(SoftmaxCrossEntropy())
    assert [type(node.op) for node in fuse(graph).nodes] == [LinearReLU, Linear, SoftmaxCrossEntropy]
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((9, 5)), "y": rng.integers(0, 3, 9)}
    fused, unfused = (NumpyEngine().compile(graph, initial_parameters(graph)) for _ in range(2))
    for step in range(3):
        mode = Mode(training=True, step=step)
        fused.train_step(inputs, Adam(), mode)
        unfused.train_step(inputs, Adam(), mode, watch=lambda node, direction, array: None)
    for name, value in fused.parameters().items():
        np.testing.assert_array_equal(value, unfused.parameters()[name], err_msg=name)


def test_a_value_that_others_take_is_not_fused_away():
    net = Builder(Shape("N", 4))
    bn = net("bn", BatchNorm(), net.x)
    relu = net("relu", ReLU(), bn)
    graph = net.graph(net("add", Add(), relu, bn))
    assert fuse(graph) == graph
    net = Builder(Shape("N", 4))
    assert len(fuse(net.graph(net("bn", BatchNorm(), net.x))).nodes) == 1


def test_fused_and_unfused_give_the_same_bits():
    graph = residual_block()
    for dtype in ("float32", "float64"):
        fused, unfused = (NumpyEngine().compile(graph, initial_parameters(graph), dtype=dtype) for _ in range(2))
        for step in range(3):
            mode = Mode(training=True, step=step)
            a = fused.train_step(batch(), Adam(), mode)
            b = unfused.train_step(batch(), Adam(), mode, watch=lambda node, direction, array: None)
            assert a.loss == b.loss
        for name, value in fused.parameters().items():
            np.testing.assert_array_equal(value, unfused.parameters()[name], err_msg=name)
        plain = fused.forward(batch())["fc"]
        np.testing.assert_array_equal(plain, unfused.forward(batch(), want=["add", "bn1"])["fc"])


def test_every_node_can_be_looked_at():
    graph = residual_block()
    trainer = NumpyEngine().compile(graph, initial_parameters(graph), dtype="float64")
    values = trainer.forward(batch(), Mode(training=True), want=[node.name for node in graph.nodes])
    np.testing.assert_array_equal(values["relu2"], np.maximum(values["bn2"] + values["bn3"], 0))
    assert values["bn1"].shape == (70, 8, 9, 9)
