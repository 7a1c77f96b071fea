"""Watching a run on this engine changes none of its bits, though fused chains round otherwise than their parts."""

import numpy as np
import pytest

from backproof.engines import Mode, get_engine, how_to_install, installed
from backproof.graph import Builder, Shape, initial_parameters
from backproof.ops import BatchNorm, Conv2d, Flatten, Linear, ReLU, SoftmaxCrossEntropy
from backproof.optim import Adam


@pytest.mark.skipif(not installed("numba"), reason=f"engine 'numba' is not installed: {how_to_install('numba')}")
def test_watching_changes_no_bit():
    net = Builder(Shape("N", 3, 12, 12))
    h = net("relu", ReLU(), net("bn", BatchNorm(), net("conv", Conv2d(8, 3, padding=1), net.x)))
    graph = net.graph(net("fc", Linear(4), net("flatten", Flatten(), h))).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    batch = {"x": rng.standard_normal((40, 3, 12, 12)).astype(np.float32), "y": rng.integers(0, 4, 40)}
    watched, plain = (get_engine("numba").compile(graph, initial_parameters(graph)) for _ in range(2))
    seen: set[str] = set()
    for step in range(3):
        mode = Mode(training=True, step=step)
        watched.train_step(batch, Adam(), mode, watch=lambda node, direction, array: seen.add(node))
        plain.train_step(batch, Adam(), mode)
    assert seen == {"conv", "relu", "flatten", "fc", "loss"}
    for name, value in plain.parameters().items():
        np.testing.assert_array_equal(watched.parameters()[name], value, err_msg=name)
