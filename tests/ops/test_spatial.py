"""Shapes, attributes and refusals of the operations on images, held against PyTorch's own."""

import copy
import inspect
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.errors import UserError
from backproof.graph import Shape
from backproof.ops import AdaptiveAvgPool2d, AvgPool2d, Conv2d, ConvTranspose2d, MaxPool2d, Pad, Resize


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


SIZES, KERNELS, STRIDES, EDGES, DILATIONS = pairs(1, 9), pairs(1, 4), pairs(1, 4), pairs(0, 3), pairs(1, 3)

against_pytorch = settings(deadline=None, max_examples=150)


def same_shape(make, size, pytorch):
    """Our shape rule says what PyTorch makes of two images of three channels, and refuses what PyTorch refuses.

    It also refuses an output without pixels, which PyTorch allows in one place, the transposed convolution.
    """
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = torch.ones(2, 3, *size)
    try:
        expected = tuple(pytorch(torch.nn, x).shape)
    except (RuntimeError, ValueError):
        expected = None
    if expected is not None and 0 in expected:
        expected = None
    try:
        found = make().output_shape(Shape("N", *x.shape[1:])).bind(2)
    except UserError:
        found = None
    assert found == expected


@against_pytorch
@given(SIZES, KERNELS, STRIDES, EDGES, DILATIONS)
def test_size_of_a_convolution(size, kernel, stride, padding, dilation):
    attributes = kernel, stride, padding, dilation
    same_shape(lambda: Conv2d(2, *attributes), size, lambda nn, x: nn.Conv2d(3, 2, *attributes)(x))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@against_pytorch
@given(SIZES, KERNELS, DILATIONS)
def test_size_of_a_convolution_with_padding_same(size, kernel, dilation):
    def pytorch(nn, x):
        return nn.Conv2d(3, 2, kernel, padding="same", dilation=dilation)(x)

    same_shape(lambda: Conv2d(2, kernel, padding="same", dilation=dilation), size, pytorch)


@against_pytorch
@given(SIZES, KERNELS, STRIDES, EDGES, pairs(0, 2), DILATIONS)
def test_size_of_a_transposed_convolution(size, kernel, stride, padding, output_padding, dilation):
    attributes = kernel, stride, padding, output_padding, 1, True, dilation
    same_shape(lambda: ConvTranspose2d(2, *attributes), size, lambda nn, x: nn.ConvTranspose2d(3, 2, *attributes)(x))


@against_pytorch
@given(SIZES, KERNELS, st.none() | STRIDES, pairs(0, 2), DILATIONS, st.booleans())
def test_size_of_a_maximum(size, kernel, stride, padding, dilation, ceil_mode):
    def pytorch(nn, x):
        y = nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=ceil_mode)(x)
        if y.isinf().any():
            raise ValueError("a window of padding alone, which PyTorch gives -∞ and we refuse")
        return y

    same_shape(lambda: MaxPool2d(kernel, stride, padding, dilation, ceil_mode), size, pytorch)


@against_pytorch
@given(SIZES, KERNELS, st.none() | STRIDES, pairs(0, 2), st.booleans())
def test_size_of_an_average(size, kernel, stride, padding, ceil_mode):
    attributes = kernel, stride, padding, ceil_mode
    same_shape(lambda: AvgPool2d(*attributes), size, lambda nn, x: nn.AvgPool2d(*attributes)(x))


@against_pytorch
@given(SIZES, st.tuples(*[st.integers(0, 5)] * 4), st.sampled_from(["constant", "reflect", "replicate"]))
def test_size_of_padded_images(size, padding, mode):
    same_shape(lambda: Pad(padding, mode), size, lambda nn, x: nn.functional.pad(x, padding, mode))


@against_pytorch
@given(SIZES, st.tuples(*[st.floats(0.05, 3)] * 2), st.sampled_from(["nearest", "bilinear"]))
def test_size_of_resized_images(size, factor, mode):
    def pytorch(nn, x):
        return nn.functional.interpolate(x, scale_factor=factor, mode=mode)

    same_shape(lambda: Resize(scale_factor=factor, mode=mode), size, pytorch)


def test_one_number_stands_for_both_axes_and_all_sides():
    assert Conv2d(2, 3, 2, 1, 2) == Conv2d(2, (3, 3), (2, 2), (1, 1), (2, 2)) == Conv2d(2, 3, 2, (1, 1, 1, 1), 2)
    assert Conv2d(2, 3, padding=(1, 2)).padding == (1, 1, 2, 2), "(height, width) -> (top, bottom, left, right)"
    assert MaxPool2d(3).stride == (3, 3), "windows side by side"
    assert Pad(2) == Pad((2, 2, 2, 2))
    assert Resize(4) == Resize((4, 4))


def test_padding_same_puts_the_odd_one_at_the_end():
    assert Conv2d(2, (2, 4), padding="same").padding == (0, 1, 1, 2)
    assert Conv2d(2, 3, padding="same", dilation=2).padding == (2, 2, 2, 2)
    assert Conv2d(2, 3, padding="same") == Conv2d(2, 3, padding=1)


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (Conv2d(4, 3), "Conv2d(4, 3)"),
        (Conv2d(4, (3, 1), stride=2, padding=1), "Conv2d(4, (3, 1), stride=2, padding=1)"),
        (Conv2d(4, 3, padding=(1, 2)), "Conv2d(4, 3, padding=(1, 2))"),
        (Conv2d(4, 3, padding=(0, 1, 2, 3)), "Conv2d(4, 3, padding=(0, 1, 2, 3))"),
        (MaxPool2d(2), "MaxPool2d(2, stride=2)"),
        (AdaptiveAvgPool2d(1), "AdaptiveAvgPool2d(1)"),
    ],
)
def test_is_printed_as_it_is_written(op, text):
    assert str(op) == text


def test_attributes_behave_as_those_of_any_dataclass():
    op = Conv2d(4, 3, stride=2)
    assert pickle.loads(pickle.dumps(op)) == copy.deepcopy(op) == op
    assert hash(op) == hash(Conv2d(4, (3, 3), 2))
    parameters = inspect.signature(Conv2d).parameters
    assert parameters["kernel_size"].default is inspect.Parameter.empty
    assert parameters["stride"].default == (1, 1)
    with pytest.raises(TypeError, match="kernel_size"):
        Conv2d(4)
    with pytest.raises(AttributeError):
        op.stride = 3


def test_fans_of_a_convolution():
    weight = Conv2d(8, (3, 5), groups=2).parameters(Shape("N", 6, 9, 9))["weight"]
    assert (weight.shape, weight.fan_in, weight.fan_out) == ((8, 3, 3, 5), 3 * 15, 4 * 15)
    weight = ConvTranspose2d(8, (3, 5), groups=2).parameters(Shape("N", 6, 9, 9))["weight"]
    assert (weight.shape, weight.fan_in, weight.fan_out) == ((6, 4, 3, 5), 3 * 15, 4 * 15)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(0, 3), "1 output channel or more, not 0"),
        (lambda: Conv2d(4, 0), "kernel_size is a whole number >= 1 or a pair of them .* not 0"),
        (lambda: Conv2d(4, (1, 2, 3)), "kernel_size is .* not .1, 2, 3"),
        (lambda: Conv2d(4, 3, stride=1.5), "stride is a whole number"),
        (lambda: Conv2d(4, 3, padding=-1), "padding is a whole number >= 0, .* not -1"),
        (lambda: Conv2d(4, 3, padding="valid"), "or 'same', not 'valid'"),
        (lambda: Conv2d(4, 3, stride=2, padding="same"), "'same' goes with stride 1, not 2"),
        (lambda: Conv2d(4, 3, groups=3), "groups must divide its 4 out_channels, and 3 does not"),
        (lambda: ConvTranspose2d(4, 3, stride=2, output_padding=2), "2 is neither below 2 nor below 1"),
        (lambda: MaxPool2d(2, padding=2), "at most half of its kernel_size, and 2 is more than half of 2"),
        (lambda: MaxPool2d(2, padding=(1, 1, -1, 0)), r"padding is made of whole numbers >= 0, not \(1, 1, -1, 0\)"),
        (lambda: AvgPool2d(2, divisor_override=0), "divisor_override is not 0"),
        (lambda: Pad(1, mode="reflct"), "did you mean reflect"),
        (lambda: Pad((1, 2, 3)), r"\(left, right, top, bottom, ...\) of them, two an axis, not \(1, 2, 3\)"),
        (lambda: Pad(1, mode="reflect", value=1.0), "value goes with the mode 'constant', not 'reflect'"),
        (lambda: Resize(), "a size or a scale_factor"),
        (lambda: Resize(2, nearest_mode="round"), "unknown nearest_mode of Resize 'round'"),
        (lambda: Resize(2, antialias=True), "antialias goes with the mode 'bilinear' or 'bicubic', not 'nearest'"),
        (lambda: Resize(2, roi=(0, 0, 1, 1)), "roi goes with the coordinate_transformation_mode 'tf_crop_and_resize'"),
        (lambda: Resize(2, coordinate_transformation_mode="pixel"), "unknown coordinate_transformation_mode of Resize"),
        (
            lambda: Resize(2, mode="bicubic", align_corners=True, coordinate_transformation_mode="half_pixel"),
            "align_corners or a coordinate_transformation_mode, not both",
        ),
        (lambda: Resize(2.5), "size is a whole number above 0 .* not 2.5"),
        (lambda: Resize(scale_factor=-1), "scale_factor is a number above 0 .* not -1"),
        (lambda: Resize(2, mode="cubic"), "unknown mode of Resize 'cubic'"),
        (
            lambda: Resize(2, align_corners=True),
            "align_corners goes with the mode 'bilinear' or 'bicubic', not 'nearest'",
        ),
    ],
)
def test_refuses_bad_attributes(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize(
    ("op", "shape", "message"),
    [
        (Conv2d(2, 3), Shape("N", 12), r"images of shape \(N, channels, height, width\), not \(N, 12\)"),
        (Conv2d(2, 3), Shape("N", 1, 2, 5), r"Conv2d\(2, 3\) does not fit images of 2x5: the output would be 0x3"),
        (Conv2d(2, 1, groups=2), Shape("N", 3, 2, 2), "groups must divide the 3 channels of its input, and 2 does not"),
        (ConvTranspose2d(2, 3, padding=3), Shape("N", 1, 2, 2), "the output would be -2x-2"),
        (MaxPool2d(3), Shape("N", 1, 2, 2), "the output would be 0x0"),
        (MaxPool2d(2, padding=1, dilation=2), Shape("N", 1, 1, 1), "a window lies in the padding alone"),
        (AvgPool2d(2, padding=(2, 0, 0, 0)), Shape("N", 1, 2, 2), "a window lies in the padding alone"),
        (AvgPool2d(3), Shape("N", 1, 2, 3), "the output would be 0x1"),
        (AdaptiveAvgPool2d(1), Shape("N", 4), "AdaptiveAvgPool2d takes images"),
        (Pad(2, mode="reflect"), Shape("N", 1, 2, 5), r"too much for \(N, 1, 2, 5\)"),
        (Pad((1,) * 6), Shape("N", 3), r"Pad adds to 3 axes where \(N, 3\) has 2"),
        (Pad((0, 0, 1, 0)), Shape("N", 3), "Pad adds nothing to the batch"),
        (Pad((-2, -1)), Shape("N", 3), r"leaves nothing of \(N, 3\)"),
        (Resize(scale_factor=0.3), Shape("N", 1, 3, 4), "the output would be 0x1"),
    ],
)
def test_refuses_images(op, shape, message):
    with pytest.raises(UserError, match=message):
        op.output_shape(shape)
