"""General operations among operations on images, where an engine may keep values in another order of axes."""

import numpy as np
import pytest

from backproof.engines import Mode, get_engine, reference_engine, variants
from backproof.graph import Builder, Shape, initial_parameters
from backproof.ops import (
    MSE,
    Add,
    Amax,
    Conv2d,
    Div,
    Exp,
    Flatten,
    Linear,
    LogSumExp,
    Maximum,
    Mean,
    Mul,
    Parameter,
    Pow,
    Prod,
    Sigmoid,
    Sub,
    Sum,
)
from backproof.verify.core.tolerances import difference, tolerance

TOLERANCE = tolerance("float64", 1000)
"""Also of products of 72 numbers, and what follows from them."""


def images():
    net = Builder(Shape("N", 2, 4, 3))
    return net, net("conv", Conv2d(3, 3, padding=1), net.x)


def ending(net, h):
    """What is left goes into another convolution, or into a layer."""
    if len(h.shape) == 4:
        h = net("conv2", Conv2d(2, 1), h)
    if h.shape.has_batch and len(h.shape) > 1:
        h = net("fc", Linear(2), net("flat", Flatten(), h))
    return net.graph(h).with_loss(MSE())


@pytest.fixture(params=["numpy", "numba"])
def makes(request):
    return variants(get_engine(request.param)).values()


def check(graph, makes):
    rng = np.random.default_rng(0)
    inputs = {i.name: rng.standard_normal(i.shape.bind(2)) for i in graph.inputs}
    parameters = {name: rng.uniform(0.5, 1.5, value.shape) for name, value in initial_parameters(graph).items()}
    expected = reference_engine().compile(graph, parameters).gradients(inputs, Mode(training=True))
    for engine in makes:
        trainer = engine.compile(graph, parameters, dtype="float64")
        found = trainer.gradients(inputs, Mode(training=True))
        assert difference(found.output, expected.output) < TOLERANCE
        assert trainer.forward(inputs)[graph.output].shape == expected.output.shape
        for name, gradient in {**expected.parameters, **expected.inputs}.items():
            mine = {**found.parameters, **found.inputs}[name]
            assert difference(mine, gradient) < TOLERANCE, name


@pytest.mark.parametrize("dim", [None, 0, 1, 2, 3, (1, 2), (2, 3), (0, 1), (0, 2, 3)], ids=str)
@pytest.mark.parametrize("keepdim", [True, False])
@pytest.mark.parametrize("op", [Sum, Mean, Amax, Prod, LogSumExp])
def test_reductions_of_images(op, dim, keepdim, makes):
    net, h = images()
    check(ending(net, net("reduce", op(dim, keepdim), net("exp", Exp(), net("scale", Mean(-1, True), h)))), makes)
    net, h = images()
    check(ending(net, net("reduce", op(dim, keepdim), h)), makes)


@pytest.mark.parametrize("shape", [(), (3,), (4, 3), (4, 1), (3, 1, 1), (3, 4, 3), (1, 3, 1, 1), (1, 1, 4, 1)], ids=str)
@pytest.mark.parametrize("op", [Add, Sub, Mul, Div, Pow, Maximum])
def test_arithmetic_of_images_with_what_is_broadcast(op, shape, makes):
    for swapped in (False, True):
        net, h = images()
        h = net("sigmoid", Sigmoid(), h)
        other = net("other", Parameter(shape, initializer="ones"))
        check(ending(net, net("op", op(), *((other, h) if swapped else (h, other)))), makes)


def test_images_with_what_is_made_of_them_in_fewer_axes(makes):
    """(N, 3, 4, 3) and (3, 4, 3), the sum over the batch, which lies as the images do or does not."""
    net, h = images()
    check(ending(net, net("add", Add(), h, net("mean", Mean(0), h))), makes)


def test_squeeze_and_excite(makes):
    net, h = images()
    gate = net("gate", Conv2d(3, 1), net("squeeze", Mean((2, 3), keepdim=True), h))
    check(ending(net, net("excite", Mul(), h, net("positive", Exp(), gate))), makes)
