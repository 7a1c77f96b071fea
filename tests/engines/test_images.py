"""Conventions of operations on images, beyond the generated tests: ties, NaN, and identities that must hold."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from backproof.engines import Mode, get_engine, variants
from backproof.errors import UserError
from backproof.graph import Sample, Sequential, Shape
from backproof.ops import (
    MSE,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    Conv2d,
    ConvTranspose2d,
    Linear,
    MaxPool2d,
    NLLLoss,
    Pad,
    Resize,
)
from backproof.verify.core.case import ROOM, make_case, run_case, sensitivity
from backproof.verify.core.tolerances import difference, tolerance


def network(op, shape):
    return Sequential(("op", op)).build(Shape("N", *shape[1:])).with_loss(MSE())


def forward(engine, op, x, dtype="float64", **parameters):
    weights = {f"op.{name}": value for name, value in parameters.items()}
    return engine.compile(network(op, x.shape), weights, dtype=dtype).forward({"x": x})["op"]


def input_gradient(engine, op, x, dy, **parameters):
    """The gradient of <dy, y>: MSE's is 2 (y - t) / n, so the targets are chosen for it to be dy."""
    weights = {f"op.{name}": value for name, value in parameters.items()}
    trainer = engine.compile(network(op, x.shape), weights, dtype="float64")
    y = trainer.forward({"x": x})["op"]
    return trainer.gradients({"x": x, "y": y - dy * y.size / 2}, Mode(training=True)).inputs["x"]


def test_of_equal_pixels_the_first_gets_the_gradient(engine):
    x = np.zeros((1, 2, 4, 4))
    x[0, 1, 1:3, 1:3] = 5
    dx = input_gradient(engine, MaxPool2d(2), x, np.arange(1.0, 9).reshape(1, 2, 2, 2))
    expected = np.zeros(x.shape)
    expected[0, 0, ::2, ::2] = [[1, 2], [3, 4]]
    expected[0, 1, [1, 1, 2, 2], [1, 2, 1, 2]] = [5, 6, 7, 8]
    np.testing.assert_allclose(dx, expected, atol=1e-12)


def test_equal_pixels_in_windows_that_overlap(engine):
    """Row by row: of the four fives in the middle window the upper left one is first."""
    x = np.full((1, 1, 3, 3), -1.0)
    x[0, 0, 1:, 1:] = 5
    dx = input_gradient(engine, MaxPool2d(3, stride=1, padding=1), x, np.ones((1, 1, 3, 3)))
    np.testing.assert_allclose(dx[0, 0], [[0, 0, 0], [0, 9, 0], [0, 0, 0]], atol=1e-12)


def test_padding_of_a_maximum_is_minus_infinity(engine):
    x = np.full((1, 1, 2, 2), -3.0)
    np.testing.assert_array_equal(forward(engine, MaxPool2d(2, padding=1), x), np.full((1, 1, 2, 2), -3.0))
    x[...] = -np.inf
    np.testing.assert_array_equal(forward(engine, MaxPool2d(2), x), np.full((1, 1, 1, 1), -np.inf))


def gradient_of_ones(engine, op, x):
    """dx for dy = 1 in every output of one channel, whatever y is: the gradient of NLLLoss does not depend on it."""
    graph = Sequential(("op", op)).build(Shape("N", *x.shape[1:])).with_loss(NLLLoss(reduction="sum"))
    labels = np.zeros((len(x), *graph.shapes["op"].bind(len(x))[2:]), np.int64)
    trainer = engine.compile(graph, {}, dtype="float64")
    with np.errstate(all="ignore"):
        return -trainer.gradients({"x": x, "y": labels}, Mode(training=True)).inputs["x"]


@pytest.mark.parametrize(
    ("op", "size", "first"),
    [
        (MaxPool2d(2, padding=1), 2, [(0, 0), (0, 1), (1, 0), (1, 1)]),
        (MaxPool2d(3, stride=2, padding=1), 4, [(0, 0), (0, 1), (1, 0), (1, 1)]),
        (MaxPool2d(3, stride=2, padding=1, dilation=2), 5, [(1, 1), (1, 1), (1, 1), (1, 1)]),
        (MaxPool2d(2), 4, [(0, 0), (0, 2), (2, 0), (2, 2)]),
    ],
    ids=str,
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_maximum_of_minus_infinities_is_the_first_pixel(engine, op, size, first, channels):
    """Not an element of the padding, which is minus infinity too: there the gradient would be lost."""
    x = np.full((2, channels, size, size), -np.inf)
    expected = np.zeros(x.shape)
    for place in first:
        expected[(slice(None), 0, *place)] += 1
    for variant in variants(engine).values():
        np.testing.assert_array_equal(gradient_of_ones(variant, op, x), expected)


def test_of_two_nans_the_last_is_the_maximum(engine):
    x = np.arange(48.0).reshape(1, 3, 4, 4)
    x[0, 0, 0, 0] = x[0, 0, 1, 0] = x[0, 0, 3, 3] = np.nan
    expected = np.zeros(x.shape)
    expected[0, 0, [1, 1, 3, 3], [0, 3, 1, 3]] = 1
    for variant in variants(engine).values():
        np.testing.assert_array_equal(gradient_of_ones(variant, MaxPool2d(2), x), expected)


def test_a_maximum_does_not_swallow_nan(engine):
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    x[0, 0, 0, 0] = np.nan
    np.testing.assert_array_equal(forward(engine, MaxPool2d(2), x)[0, 0], [[np.nan, 7], [13, 15]])


def test_a_one_by_one_convolution_is_a_linear_layer_on_every_pixel(engine):
    rng = np.random.default_rng(0)
    x, weight, bias = rng.standard_normal((2, 3, 2, 4)), rng.standard_normal((5, 3)), rng.standard_normal(5)
    found = forward(engine, Conv2d(5, 1), x, weight=weight[:, :, None, None], bias=bias)
    pixels = x.transpose(0, 2, 3, 1).reshape(-1, 3)
    expected = forward(engine, Linear(5), pixels, weight=weight, bias=bias)
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1).reshape(-1, 5), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("attributes", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "groups": 2}])
def test_the_transposed_convolution_is_the_transpose(engine, attributes):
    """<conv(x), z> = <x, transposed(z)> with the same weight, so it is what its name says."""
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 4, 5, 7)), rng.standard_normal((6, 4 // attributes.get("groups", 1), 3, 3))
    y = forward(engine, Conv2d(6, 3, bias=False, **attributes), x, weight=weight)
    z = rng.standard_normal(y.shape)
    back = forward(engine, ConvTranspose2d(4, 3, bias=False, **attributes), z, weight=weight)
    assert np.vdot(y, z) == pytest.approx(np.vdot(x, back), rel=1e-12)
    np.testing.assert_allclose(
        back, input_gradient(engine, Conv2d(6, 3, bias=False, **attributes), x, z, weight=weight), atol=1e-11
    )


def test_a_kernel_is_not_turned_around(engine):
    """Cross-correlation, as in every neural network library: the weight at (a, e) meets the pixel at (i + a, j + e)."""
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    weight = np.zeros((1, 1, 2, 2))
    weight[0, 0, 0, 1] = 1
    np.testing.assert_array_equal(forward(engine, Conv2d(1, 2, bias=False), x, weight=weight)[0, 0], [[1, 2], [4, 5]])


def test_the_global_average(engine):
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4))
    found = forward(engine, AdaptiveAvgPool2d(1), x)
    np.testing.assert_allclose(found, x.mean((2, 3), keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(found, forward(engine, AvgPool2d((5, 4)), x), rtol=1e-12)


def test_reflection_and_repetition(engine):
    x = np.arange(1.0, 4).reshape(1, 1, 1, 3)
    assert forward(engine, Pad((2, 2, 0, 0), "reflect"), x).ravel().tolist() == [3, 2, 1, 2, 3, 2, 1]
    assert forward(engine, Pad((2, 1, 0, 0), "replicate"), x).ravel().tolist() == [1, 1, 1, 2, 3, 3]
    assert forward(engine, Pad((1, 2, 0, 0), value=9), x).ravel().tolist() == [9, 1, 2, 3, 9, 9]


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Resize((1, 4)), [0, 0, 4, 4]),
        (Resize((1, 4), mode="bilinear"), [0, 1, 3, 4]),
        (Resize((1, 5), mode="bilinear", align_corners=True), [0, 1, 2, 3, 4]),
    ],
)
def test_resizing_between_two_pixels(engine, op, expected):
    x = np.array([0.0, 4.0]).reshape(1, 1, 1, 2)
    np.testing.assert_allclose(forward(engine, op, x).ravel(), expected, atol=1e-12)


@given(st.integers(1, 40), st.integers(1, 40))
def test_the_nearest_pixel_is_exact(size, output_size):
    """No rounding, however the ratio looks in binary."""
    taps = Resize(output_size).taps(size, 0)
    assert [tap.rows for tap in taps] == [(int(Fraction(i * size, output_size)),) for i in range(output_size)]
    assert {tap.weights for tap in taps} == {(1.0,)}


def test_an_empty_batch_is_refused(engine):
    with pytest.raises(UserError, match="input 'x' is an empty batch"):
        forward(engine, MaxPool2d(2), np.zeros((0, 1, 4, 4)))


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


FACTORS = st.tuples(*[st.sampled_from([0.5, 0.7, 1.0, 1.3, 2.0, 3.0])] * 2)
SIDES = st.tuples(*[st.integers(0, 3)] * 4)
STRIDES = KERNELS = DILATIONS = pairs(1, 3)
GROUPS = st.sampled_from([1, 2, 4])
OPERATIONS = {
    "Conv2d": st.builds(Conv2d, st.just(4), KERNELS, STRIDES, SIDES, DILATIONS, GROUPS, st.booleans()),
    "ConvTranspose2d": st.builds(
        ConvTranspose2d, st.just(4), KERNELS, pairs(2, 3), pairs(0, 2), pairs(0, 1), GROUPS, st.booleans(), DILATIONS
    ),
    "MaxPool2d": st.builds(MaxPool2d, pairs(2, 3), STRIDES, pairs(0, 1) | SIDES, DILATIONS, st.booleans()),
    "AvgPool2d": st.builds(
        AvgPool2d,
        pairs(2, 3),
        STRIDES,
        pairs(0, 1) | SIDES,
        st.booleans(),
        st.booleans(),
        st.none() | st.integers(1, 5),
        DILATIONS,
    ),
    "AdaptiveMaxPool2d": st.builds(AdaptiveMaxPool2d, pairs(1, 6)),
    "AdaptiveAvgPool2d": st.builds(AdaptiveAvgPool2d, pairs(1, 6)),
    "Pad": st.builds(
        Pad, st.tuples(*[st.integers(-2, 3)] * 4), st.sampled_from(["constant", "reflect", "replicate", "wrap"])
    ),
    "Resize nearest": st.builds(Resize, pairs(1, 7)) | st.builds(Resize, st.none(), FACTORS),
    "Resize bicubic": st.builds(Resize, pairs(1, 7), st.none(), st.just("bicubic"), st.booleans())
    | st.builds(Resize, st.none(), FACTORS, st.just("bicubic"), st.booleans()),
    "Resize bilinear": st.builds(Resize, pairs(1, 7), st.none(), st.just("bilinear"), st.booleans())
    | st.builds(Resize, st.none(), FACTORS, st.just("bilinear"), st.booleans()),
}


@pytest.mark.parametrize("name", ["numpy", "reference"])
@pytest.mark.parametrize("operation", OPERATIONS)
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_any_attributes_and_sizes_agree_with_pytorch(name, operation, data):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    op = data.draw(OPERATIONS[operation], "operation")
    shape = (data.draw(st.integers(1, 2), "batch"), 4, *data.draw(pairs(1, 6), "size"))
    try:
        op.output_shape(Shape("N", *shape[1:]))
    except UserError:
        reject()
    sample = Sample(op=op, shapes=(shape,))
    case, torch = make_case(sample, data.draw(st.integers(0, 9), "seed")), get_engine("torch")
    found, expected = run_case(get_engine(name), case), run_case(torch, case)
    allowed = tolerance("float64", case.terms) + ROOM * sensitivity(partial(run_case, torch), case, expected, "float64")
    assert found.keys() == expected.keys()
    assert {at: difference(found[at], y) for at, y in expected.items() if not difference(found[at], y) <= allowed} == {}
