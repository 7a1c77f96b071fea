"""The fast ways to convolve against their plain twin, and the choice between them."""

import numpy as np
import pytest

from backproof.engines.numpy.convolution import FewOutputs, Geometry, choose
from backproof.engines.numpy.convolution.banded import Banded
from backproof.engines.numpy.convolution.im2col import Im2col
from backproof.engines.numpy.convolution.pointwise import Pointwise
from backproof.engines.numpy.convolution.taps import Taps
from backproof.engines.numpy.convolution.winograd import Winograd, transforms
from backproof.engines.numpy.tuning import USUAL, Tuning
from backproof.engines.numpy.workspace import Pool, Workspace
from backproof.engines.sweep import GradientMemory

ROUNDING = {
    ("float64", 2): 1e-13,
    ("float64", 3): 1e-13,
    ("float64", 4): 1e-13,
    ("float32", 2): 2e-6,
    ("float32", 3): 4e-6,
    ("float32", 4): 8e-6,
}
"""Largest difference allowed, relative to the largest value. im2col's own is about 1e-6 in float32; the points at which
Winograd evaluates stretch numbers that cancel later, more of them and farther out for larger m."""


def plain_ways(geometry, **sizes):
    """What im2col makes of it in float64."""
    return three_ways(Im2col(geometry), geometry, "float64", **sizes)


def same_size(height: int, width: int, top_left: tuple[int, int] = (1, 1)) -> Geometry:
    return Geometry((height, width), (height, width), (3, 3), (1, 1), (1, 1), top_left)


def three_ways(algorithm, geometry, dtype, samples=2, channels=5, outputs=4, tuning=USUAL):
    """Output, input gradient and weight gradient, each in an array full of other numbers before."""
    rng = np.random.default_rng(0)
    call = Workspace("conv", (True,), Pool(dtype, tuning=tuning), GradientMemory(dtype))
    x = rng.standard_normal((samples, *geometry.size, channels)).astype(dtype)
    dy = rng.standard_normal((samples, *geometry.out, outputs)).astype(dtype)
    W = rng.standard_normal((*geometry.kernel, channels, outputs)).astype(dtype)
    y, dx, dW = np.full_like(dy, 7), np.full_like(x, 7), np.full_like(W, 7)
    algorithm.forward(x, W, y, call)
    algorithm.input_gradient(dy, W, dx, call)
    algorithm.weight_gradient(x, dy, dW, call)
    return y, dx, dW


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m", [2, 3, 4])
@pytest.mark.parametrize("size", [(4, 4), (8, 12), (5, 7), (9, 6), (1, 3)])
def test_winograd_is_im2col_but_for_rounding(m, size, dtype):
    geometry = same_size(*size)
    for fast, plain in zip(
        three_ways(Winograd(geometry, m), geometry, dtype),
        three_ways(Im2col(geometry), geometry, "float64"),
        strict=True,
    ):
        assert fast.dtype == dtype
        assert np.abs(fast - plain).max() <= ROUNDING[dtype, m] * np.abs(plain).max()


def predicted(way, geometry, tuning=USUAL, channels=5, outputs=2, value=None):
    """The output as prediction computes it, that of im2col, and the ways that were taken."""
    rng = np.random.default_rng(0)
    call = Workspace("conv", (True,), Pool("float64", tuning=tuning), GradientMemory("float64"), predicting=True)
    x, W = (
        rng.standard_normal((2, *geometry.size, channels)),
        rng.standard_normal((*geometry.kernel, channels, outputs)),
    )
    if value is not None:
        x[1, 3, 2, 0] = value
    found, expected = np.full((2, *geometry.out, outputs), 7.0), np.full((2, *geometry.out, outputs), 7.0)
    way.forward(x, W, found, call)
    Im2col(geometry).forward(x, W, expected, call)
    return found, expected, call.ways


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of infinity and NaN
@pytest.mark.parametrize("m", [3, 4])
@pytest.mark.parametrize("value", [None, np.inf, np.nan])
@pytest.mark.parametrize("top_left", [(0, 0), (1, 1), (2, 1), (0, 2)])
@pytest.mark.parametrize("out", [(9, 7), (8, 12), (5, 4)])
def test_winograd_predicts_by_bands(m, value, top_left, out):
    size = (out[0] + 2 - top_left[0] - 1, out[1] + 2 - top_left[1])
    geometry = Geometry(size, out, (3, 3), (1, 1), (1, 1), top_left)
    found, expected, ways = predicted(Winograd(geometry, m), geometry, Tuning(winograd_elements=1), value=value)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    assert "bands of a large map" in ways
    assert ("computed anew by im2col" in ways) == (value is not None)


def test_winograd_takes_no_bands_in_training():
    geometry = same_size(9, 8)
    call = Workspace("conv", (True,), Pool("float64", tuning=Tuning(winograd_elements=1)), GradientMemory("float64"))
    Winograd(geometry, 4).forward(np.ones((1, 9, 8, 2)), np.ones((3, 3, 2, 2)), np.empty((1, 9, 8, 2)), call)
    assert "bands of a large map" not in call.ways


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of infinity and NaN
@pytest.mark.parametrize(
    "geometry",
    [
        same_size(6, 5),
        Geometry((6, 5), (4, 7), (3, 2), (1, 1), (1, 1), (0, 1)),
        Geometry((7, 6), (5, 4), (2, 3), (1, 1), (2, 2), (0, 1)),
        Geometry((4, 4), (8, 8), (5, 5), (1, 1), (1, 1), (4, 4)),
    ],
)
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("value", [None, np.inf])
def test_few_outputs_are_added_up_after_one_product(geometry, outputs, value):
    assert FewOutputs.fits(geometry, 64, 4, USUAL)
    assert not FewOutputs.fits(geometry, 63, 4, USUAL)
    found, expected, _ = predicted(FewOutputs(geometry), geometry, outputs=outputs, value=value)
    met = np.isfinite(expected)
    np.testing.assert_allclose(found[met], expected[met], rtol=1e-9, atol=1e-12)
    assert met.all() == (value is None)
    assert not np.isfinite(found[~met]).any()


@pytest.mark.parametrize("out", [(6, 4), (5, 7), (8, 8)])
@pytest.mark.parametrize("top_left", [(0, 0), (2, 1), (0, 2)])
def test_winograd_with_any_padding(out, top_left):
    size = (out[0] + 2 - top_left[0] - 1, out[1] + 2 - top_left[1])
    geometry = Geometry(size, out, (3, 3), (1, 1), (1, 1), top_left)
    assert Winograd.fits(geometry)
    for fast, plain in zip(
        three_ways(Winograd(geometry, 4), geometry, "float64"),
        three_ways(Im2col(geometry), geometry, "float64"),
        strict=True,
    ):
        np.testing.assert_allclose(fast, plain, atol=1e-12)


def test_winograd_transforms_multiply_polynomials():
    """F(2, 3) by hand: Aᵀ [(G w) ⊙ (Bᵀ d)] in two dimensions is the correlation of a 4x4 tile with a 3x3 kernel."""
    rng = np.random.default_rng(0)
    tile, kernel = rng.standard_normal((4, 4)), rng.standard_normal((3, 3))
    At, G, Bt = transforms(2, "f8")
    y = At @ ((G @ kernel.ravel()) * (Bt @ tile.ravel()))
    expected = [(tile[i : i + 3, j : j + 3] * kernel).sum() for i in range(2) for j in range(2)]
    np.testing.assert_allclose(y, expected, atol=1e-13)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pointwise_is_im2col(stride):
    size = (6, 5)
    out = tuple(-(-n // stride) for n in size)
    geometry = Geometry(size, out, (1, 1), (stride, stride), (1, 1), (0, 0))
    assert Pointwise.fits(geometry)
    for fast, plain in zip(
        three_ways(Pointwise(geometry), geometry, "float64"),
        three_ways(Im2col(geometry), geometry, "float64"),
        strict=True,
    ):
        np.testing.assert_allclose(fast, plain, atol=1e-13)


@pytest.mark.parametrize("size", [(64, 64), (3, 100)])
def test_blocks_of_im2col_are_the_whole(size):
    """Blocks by images and by rows give what one block gives, but for the order of sums."""
    geometry = same_size(*size)
    whole = plain_ways(geometry, samples=5)
    for rows in (1, 100, 700):
        tuning = Tuning(im2col_elements=1, im2col_rows=rows)
        for part, one in zip(plain_ways(geometry, samples=5, tuning=tuning), whole, strict=True):
            np.testing.assert_allclose(part, one, atol=1e-10)


TAPS = {
    "same size": same_size(3, 2),
    "padded on one side": same_size(3, 4, top_left=(2, 0)),
    "stride": Geometry((6, 5), (3, 3), (3, 3), (2, 2), (1, 1), (1, 1)),
    "stride past the edge": Geometry((8, 7), (2, 2), (3, 2), (3, 4), (1, 1), (0, 0)),
    "dilation": Geometry((5, 6), (5, 6), (3, 3), (1, 1), (2, 2), (2, 2)),
    "an even kernel, unpadded": Geometry((4, 4), (3, 3), (2, 2), (1, 1), (1, 1), (0, 0)),
}


@pytest.mark.parametrize("geometry", TAPS.values(), ids=TAPS)
def test_taps_are_im2col(geometry):
    for fast, plain in zip(three_ways(Taps(geometry), geometry, "float64"), plain_ways(geometry), strict=True):
        np.testing.assert_allclose(fast, plain, atol=1e-13)


def test_taps_share():
    assert Taps(same_size(2, 2)).share == 16 / 36
    assert Taps(Geometry((4, 4), (2, 2), (3, 3), (1, 1), (1, 1), (0, 0))).share == 1


BANDED = {
    "same size": (same_size(4, 6), (2, 3, 6)),
    "padded on one side": (same_size(3, 4, top_left=(2, 0)), (2, 4)),
    "stride": (Geometry((7, 9), (4, 4), (3, 3), (2, 2), (1, 1), (1, 0)), (2, 4)),
    "stride past the edge": (Geometry((8, 8), (2, 2), (3, 2), (3, 4), (1, 1), (0, 0)), (2,)),
    "dilation": (Geometry((5, 6), (5, 6), (3, 3), (1, 1), (2, 2), (2, 2)), (2, 3, 6)),
    "stride and dilation": (Geometry((9, 12), (3, 4), (2, 3), (3, 2), (2, 3), (1, 2)), (2, 4)),
    "one line": (Geometry((1, 8), (1, 6), (1, 3), (1, 1), (1, 1), (0, 0)), (3,)),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("case", BANDED.values(), ids=BANDED)
def test_banded_is_im2col(case, channels):
    geometry, together = case
    plain = plain_ways(geometry, channels=channels)
    for t in together:
        for fast, slow in zip(
            three_ways(Banded(geometry, t), geometry, "float64", channels=channels), plain, strict=True
        ):
            np.testing.assert_allclose(fast, slow, atol=1e-13)


def test_blocks_of_banded_are_the_whole():
    geometry = same_size(6, 8)
    whole = three_ways(Banded(geometry, 4), geometry, "float64", samples=5)
    for rows in (1, 13, 40):
        tuning = Tuning(im2col_elements=1, im2col_rows=rows)
        parts = three_ways(Banded(geometry, 4), geometry, "float64", samples=5, tuning=tuning)
        for part, one in zip(parts, whole, strict=True):
            np.testing.assert_allclose(part, one, atol=1e-12)


SPREADING = {
    "Winograd": (Winograd(same_size(8, 7), 4), same_size(8, 7)),
    "Winograd, smaller tiles": (Winograd(same_size(6, 9), 3), same_size(6, 9)),
    "banded": (Banded(same_size(5, 6), 3), same_size(5, 6)),
    "banded, strided": (Banded(BANDED["stride"][0], 2), BANDED["stride"][0]),
}


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", ["x", "dy", "W"])
@pytest.mark.parametrize("case", SPREADING.values(), ids=SPREADING)
@np.errstate(all="ignore")
def test_what_is_not_finite_spreads_no_further_than_by_im2col(case, place, value):
    """Infinity is multiplied by the zeros of a transform or a band, and every number of a tile becomes NaN."""
    algorithm, geometry = case
    rng = np.random.default_rng(0)
    shapes = {"x": (5, *geometry.size, 2), "dy": (5, *geometry.out, 3), "W": (*geometry.kernel, 2, 3)}
    given = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    given[place][(1,) * 3 + (1,)] = value
    # Several blocks: what is not finite lies in one in the middle.
    call = Workspace(
        "conv", (True,), Pool("float64", tuning=Tuning(im2col_elements=1, im2col_rows=60)), GradientMemory()
    )
    found, expected = ([np.full(shapes[name], 7.0) for name in ("dy", "x", "W")] for _ in range(2))
    for way, (y, dx, dW) in ((algorithm, found), (Im2col(geometry), expected)):
        way.forward(given["x"], given["W"], y, call)
        way.input_gradient(given["dy"], given["W"], dx, call)
        way.weight_gradient(given["x"], given["dy"], dW, call)
    assert not all(np.isfinite(array).all() for array in expected)
    for array, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(array, right, rtol=1e-9, atol=1e-12)
    assert "computed anew by im2col" in call.ways or (place, type(algorithm)) == ("x", Banded)


def test_large_numbers_are_not_taken_for_infinite():
    geometry = same_size(8, 8)
    call = Workspace("conv", (True,), Pool("float32"), GradientMemory("float32"))
    x, W = np.full((2, 8, 8, 3), 1e17, np.float32), np.ones((3, 3, 3, 4), np.float32)
    Winograd(geometry, 4).forward(x, W, np.empty((2, 8, 8, 4), np.float32), call)
    Banded(geometry, 4).forward(x, W, np.empty((2, 8, 8, 4), np.float32), call)
    assert "computed anew by im2col" not in call.ways


def test_one_padded_pixel_meets_the_centre_alone():
    assert same_size(1, 1).live_taps() == (slice(1, 2), slice(1, 2))
    assert same_size(2, 1).live_taps() == (slice(0, 3), slice(1, 2))
    assert same_size(5, 5).live_taps() == (slice(0, 3), slice(0, 3))


def test_choice():
    def way(size, channels, samples=32, winograd=True, kernel=3, outputs=16):
        margin = kernel // 2
        geometry = Geometry((size, size), (size, size), (kernel, kernel), (1, 1), (1, 1), (margin, margin))
        return choose(geometry, samples, channels, outputs, winograd, Tuning())

    assert isinstance(way(8, 64, kernel=1), Pointwise)
    assert isinstance(way(8, 64), Winograd)
    assert way(8, 64).m == 4
    assert way(6, 64).m == 3
    assert isinstance(way(8, 64, winograd=False), Im2col)
    assert isinstance(way(8, 3), Im2col), "few channels, rows that fit in the cache"
    assert way(32, 3).t == 4, "few channels"
    assert isinstance(way(32, 3, outputs=64), Im2col), "wide enough as it is"
    assert isinstance(way(31, 3), Im2col), "a line that nothing divides"
    assert isinstance(way(32, 16), Im2col), "channels enough for im2col"
    assert isinstance(way(2, 64), Taps), "small maps"
    assert isinstance(way(2, 8), Im2col), "small maps of few channels"
    assert isinstance(way(4, 512, samples=8), Taps), "few tiles for the channels"
    assert isinstance(way(8, 64, kernel=5), Im2col)
