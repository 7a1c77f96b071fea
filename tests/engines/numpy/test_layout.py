"""Which values are kept channels-last, and that it makes no difference to anybody outside."""

from collections.abc import Callable

import numpy as np
import pytest

from backproof.engines import Mode, get_engine
from backproof.engines.kernel import Kernel
from backproof.engines.numpy import NumpyEngine
from backproof.engines.numpy.kernels import KERNELS
from backproof.engines.numpy.layout import axis_of, channels_first, channels_last, to_nchw, to_nhwc, turned_values
from backproof.engines.numpy.trainer import NumpyTrainer
from backproof.graph import Builder, Graph, Sequential, Shape, initial_parameters
from backproof.ops import (
    MSE,
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Dropout2d,
    Flatten,
    LayerNorm,
    Linear,
    ReLU,
    Reshape,
    Softmax,
    Tanh,
)
from backproof.optim import SGD

TRAIN = Mode(training=True, seed=1)


def sequence() -> Graph:
    """No operation on images."""
    net = Builder(Shape("N", 3, 4))
    h = net("drop", Dropout(0.5), net("norm", LayerNorm(4), net("fc", Linear(4), net.x)))
    h = net("sum", Add(), net("attention", Softmax(axis=-1), h), net.x)
    return net.graph(net("both", Concat(), h, net("act", ReLU(), net.x)))


def patches() -> Graph:
    """Images, then a sequence of their patches, then images again."""
    return Sequential(
        ("conv", Conv2d(4, 2, stride=2)),
        ("act", Tanh()),
        ("tokens", Reshape((4, 6))),
        ("fc", Linear(6)),
        ("bend", ReLU()),
        ("norm", LayerNorm((4, 6))),
        ("images", Reshape((4, 2, 3))),
        ("drop", Dropout2d(0.3)),
        ("last", Conv2d(2, 1)),
    ).build(Shape("N", 2, 4, 6))


def rows_of_images() -> Graph:
    """`Linear` along the width of images, between convolutions: turned before and after."""
    return Sequential(
        ("conv", Conv2d(3, 3, padding=1)),
        ("bn", BatchNorm()),
        ("fc", Linear(5)),
        ("act", ReLU()),
        ("softmax", Softmax(axis=2)),
        ("norm", LayerNorm(5)),
        ("planes", LayerNorm((2, 5))),
        ("last", Conv2d(2, 2)),
        ("flat", Flatten()),
    ).build(Shape("N", 2, 2, 4))


def turned(graph: Graph) -> set[str]:
    return set(turned_values(graph, KERNELS))


def test_a_sequence_is_not_turned() -> None:
    assert turned(sequence()) == set()


def test_images_are_turned_as_far_as_they_are_images() -> None:
    assert turned(patches()) == {"x", "conv", "act", "images", "drop", "last"}


def test_what_leads_to_images_is_turned_too() -> None:
    graph = rows_of_images()
    assert turned(graph) == {"x", *graph.node} - {"flat"}


def test_labels_are_never_turned() -> None:
    from backproof.ops import SoftmaxCrossEntropy

    graph = Sequential(("conv", Conv2d(3, 1))).build(Shape("N", 2, 4, 4)).with_loss(SoftmaxCrossEntropy())
    assert turned(graph) == {"x", "conv"}


@pytest.mark.parametrize("make", [sequence, patches, rows_of_images])
@pytest.mark.parametrize("memory", ["normal", "low"])
def test_every_layout_gives_the_same_results(make: Callable[[], Graph], memory: str) -> None:
    graph = make().with_loss(MSE())
    weights, rng = initial_parameters(graph, seed=2), np.random.default_rng(0)
    inputs = {i.name: rng.standard_normal(i.shape.bind(3)) for i in graph.inputs}
    trainer = get_engine("numpy", memory=memory).compile(graph, weights, dtype="float64")
    reference = get_engine("reference").compile(graph, weights)
    for _ in range(2):  # the second time in buffers that are there already
        found, expected = trainer.gradients(inputs, TRAIN), reference.gradients(inputs, TRAIN)
        for part in ("parameters", "inputs", "state"):
            for name, value in getattr(expected, part).items():
                np.testing.assert_allclose(getattr(found, part)[name], value, rtol=1e-8, atol=1e-10, err_msg=name)
        values, right = (t.forward(inputs, want=graph.node) for t in (trainer, reference))
        for name in graph.node:
            np.testing.assert_allclose(values[name], right[name], rtol=1e-9, atol=1e-11, err_msg=name)
        steps = [t.train_step(inputs, SGD(), TRAIN).output for t in (trainer, reference)]
        np.testing.assert_allclose(*steps, rtol=1e-8, atol=1e-10)
        predicted = trainer.forward({"x": inputs["x"]})[graph.output]
        np.testing.assert_allclose(predicted, reference.forward({"x": inputs["x"]})[graph.output], rtol=1e-7, atol=1e-9)


class Canonical(Kernel):
    """The sum of neighbours along the width, written for N,C,H,W: it asserts what it is given."""

    def forward(self, op, inputs, p, call):
        (x,) = inputs
        assert x.shape[1:] == (3, 4, 5)
        assert x.flags.c_contiguous
        return np.tanh(x).cumsum(-1), (x,)

    def backward(self, op, dy, saved, p, g, call):
        assert dy.shape[1:] == (3, 4, 5)
        assert dy.flags.c_contiguous
        return (dy[..., ::-1].cumsum(-1)[..., ::-1] * (1 - np.tanh(saved[0]) ** 2),)


def test_a_canonical_kernel_among_images() -> None:
    graph = Sequential(Conv2d(3, 3, padding=1), Tanh(), Conv2d(2, 3)).build(Shape("N", 2, 4, 5)).with_loss(MSE())
    weights, rng = initial_parameters(graph), np.random.default_rng(0)
    inputs = {i.name: rng.standard_normal(i.shape.bind(2)) for i in graph.inputs}
    kind = type("Trainer", (NumpyTrainer,), {"kernels": {**KERNELS, Tanh: Canonical()}})
    trainer = type("Engine", (NumpyEngine,), {"trainer": kind})().compile(graph, weights, dtype="float64")
    found = trainer.gradients(inputs, TRAIN)
    direction, step = rng.standard_normal(weights["0.weight"].shape), 1e-5
    losses = []
    for way in (step, -step):
        trainer.load({**weights, "0.weight": weights["0.weight"] + way * direction})
        losses.append(float(trainer.forward(inputs)["loss"]))
    slope = float(np.sum(found.parameters["0.weight"] * direction))
    assert slope == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-6)


def test_views_and_copies() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    assert channels_last(x).shape == (2, 4, 5, 3)
    assert np.array_equal(channels_first(channels_last(x)), x)
    assert np.shares_memory(channels_last(x), x)
    inside = to_nhwc(x, np.float64)
    assert inside.flags.c_contiguous
    assert inside.dtype == np.float64
    assert np.array_equal(to_nchw(inside), x)


@pytest.mark.parametrize(("axis", "place"), [(1, -1), (2, -3), (3, -2), (-1, -2), (0, -4)])
def test_where_an_axis_lies(axis: int, place: int) -> None:
    assert axis_of(axis, 4, turned=True) == place
    assert axis_of(axis, 4, turned=False) == axis % 4 - 4
