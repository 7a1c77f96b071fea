"""Sweeps that keep less give the same bits as those that keep all."""

from typing import Any

import numpy as np
import pytest

from backproof.engines import Mode
from backproof.engines.numpy import NumpyEngine, workspace
from backproof.engines.numpy.memory import segments
from backproof.engines.numpy.workspace import aligned
from backproof.graph import Builder, Graph, Shape, initial_parameters
from backproof.ops import (
    AdaptiveAvgPool2d,
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)
from backproof.optim import Adam


def deep(blocks: int = 9) -> Graph:
    """Residual blocks with dropout, a pool and a concatenation: values that are views, shared, and passed through."""
    net = Builder(Shape("N", 2, 8, 8))
    x = net("stem", Conv2d(6, 3, padding=1), net.x)
    x = net("pool", MaxPool2d(2), x)
    for i in range(blocks):
        h = net(f"{i}.conv", Conv2d(6, 3, padding=1, bias=False), x)
        h = net(f"{i}.relu", ReLU(), net(f"{i}.bn", BatchNorm(), h))
        h = net(f"{i}.drop", Dropout(0.2), h)
        x = net(f"{i}.add", Add(), x, h)
    x = net("cat", Concat(), x, net("side", Conv2d(2, 1), x))
    x = net("flatten", Flatten(), net("gap", AdaptiveAvgPool2d(1), x))
    return net.graph(net("fc", Linear(3), x)).with_loss(SoftmaxCrossEntropy())


GRAPH = deep()


def batch(n: int = 12) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"x": rng.standard_normal((n, 2, 8, 8)), "y": rng.integers(0, 3, n)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_checkpoints_change_no_bit(dtype):
    weights = initial_parameters(GRAPH)
    usual = NumpyEngine().compile(GRAPH, weights, dtype=dtype)
    low = NumpyEngine(memory="low").compile(GRAPH, weights, dtype=dtype)
    for step in range(4):
        mode = Mode(training=True, seed=1, step=step)
        a, b = (trainer.gradients(batch(), mode) for trainer in (usual, low))
        assert a.loss == b.loss
        for found, expected in ((b.parameters, a.parameters), (b.inputs, a.inputs), (b.state, a.state)):
            for name, value in expected.items():
                np.testing.assert_array_equal(found[name], value, err_msg=name)
        x, y = (trainer.train_step(batch(), Adam(), mode) for trainer in (usual, low))
        np.testing.assert_array_equal(x.output, y.output)
    for name, value in usual.parameters().items():
        np.testing.assert_array_equal(low.parameters()[name], value, err_msg=name)


def test_prediction_forgets_values_but_changes_no_bit():
    trainer = NumpyEngine().compile(GRAPH, initial_parameters(GRAPH), dtype="float64")
    for n in (12, 5, 12):
        kept = trainer.forward(batch(n), want=["0.add", "stem"])
        for _ in range(2):
            forgotten = trainer.forward(batch(n))
            np.testing.assert_array_equal(forgotten["fc"], kept["fc"])
            assert forgotten["loss"] == kept["loss"]


def test_one_sweep_leaves_no_trace_in_another():
    """They share buffers, whether the later pass is smaller or larger."""
    alone, busy = (NumpyEngine().compile(GRAPH, initial_parameters(GRAPH)) for _ in range(2))
    for step, n in enumerate((12, 5, 12, 17, 5)):
        mode = Mode(training=True, seed=1, step=step)
        expected, found = (trainer.train_step(batch(n), Adam(), mode) for trainer in (alone, busy))
        np.testing.assert_array_equal(found.output, expected.output)
        busy.forward(batch(20 - n))
        busy.gradients(batch(n + 1), mode)
        busy.forward(batch(n), want=["0.add"])
    for name, value in alone.parameters().items():
        np.testing.assert_array_equal(busy.parameters()[name], value, err_msg=name)


@pytest.mark.parametrize("memory", ["normal", "low"])
def test_smaller_batches_and_prediction_take_no_memory_beyond_that_of_training(memory, monkeypatch):
    trainer = NumpyEngine(memory=memory).compile(GRAPH, initial_parameters(GRAPH))
    trainer.train_step(batch(), Adam(), Mode(training=True))
    new: list[int] = []

    def count(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        array = aligned(shape, dtype)
        new.append(array.nbytes)
        return array

    monkeypatch.setattr(workspace, "aligned", count)
    trainer.train_step(batch(7), Adam(), Mode(training=True, step=1))
    trainer.forward(batch())
    trainer.forward(batch(5))
    assert sum(new) < 1000
    trainer.forward(batch(40))
    assert sum(new) > 100_000


def test_segments_cover_all_nodes_and_cut_where_one_value_crosses():
    names = [node.name for node in GRAPH.nodes]
    parts = segments(GRAPH, names)
    assert [name for part in parts for name in names[part]] == names
    assert len(parts) >= 3
    for part in parts[:-1]:
        after = {name for other in names[part.stop :] for name in GRAPH.node[other].inputs}
        assert len(after & set(names[: part.stop])) == 1


def test_low_memory_holds_less():
    """Of the outputs of a deep network at a time, counted in the arena that they come from."""
    graph = deep(40)
    trainer = NumpyEngine(memory="low").compile(graph, initial_parameters(graph))
    trainer.train_step(batch(), Adam(), Mode(training=True))
    arena = trainer._values
    held = sum(flat.size for flat in [*arena._free, *arena._taken.values()])
    everything = 12 * sum(node.shape.size for node in graph.nodes)
    assert held < 0.4 * everything
