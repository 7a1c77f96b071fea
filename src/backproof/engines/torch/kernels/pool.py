"""Pooling."""

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes, one_line
from backproof.graph import Shape
from backproof.ops import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from backproof.ops.spatial import Sides

one_line(
    {
        AdaptiveAvgPool2d: lambda op, x: functional.adaptive_avg_pool2d(x, op.output_size),
        AdaptiveMaxPool2d: lambda op, x: functional.adaptive_max_pool2d(x, op.output_size),
    }
)


@computes(MaxPool2d)
def max_pool2d(op: MaxPool2d, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, H, W) -> y (N, C, H', W'). PyTorch pads both ends alike; other margins of -∞ are put on before."""
    (x,) = inputs
    if not isinstance(op.padding, Sides):
        return functional.max_pool2d(x, op.kernel_size, op.stride, op.padding, op.dilation, op.ceil_mode)
    x = functional.pad(x, _reach(op, x), value=float("-inf"))
    return functional.max_pool2d(x, op.kernel_size, op.stride, 0, op.dilation)


@computes(AvgPool2d)
def avg_pool2d(op: AvgPool2d, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, H, W) -> y (N, C, H', W'). What PyTorch's own does not have: sums of windows, divided by what counts."""
    (x,) = inputs
    if not isinstance(op.padding, Sides) and op.dilation == (1, 1):
        return functional.avg_pool2d(
            x, op.kernel_size, op.stride, op.padding, op.ceil_mode, op.count_include_pad, op.divisor_override
        )
    n, channels, height, width = x.shape
    y = _sums(op, x.reshape(n * channels, 1, height, width))
    if op.divisor_override is not None:
        y = y / op.divisor_override
    else:
        y = y / _sums(op, x.new_ones(1, 1, height, width), padding=float(op.count_include_pad))
    _, _, *size = _declared(op, x)
    return y.reshape(n, channels, *size)


def _sums(op: AvgPool2d, x: Tensor, padding: float = 0.0) -> Tensor:
    """(N, 1, H, W) -> (N, windows): of each window, in a padding of that number and zeros beyond."""
    top, bottom, left, right = op.sides
    before_left, beyond_right, before_top, beyond_bottom = _reach(op, x)
    x = functional.pad(x, (left, right, top, bottom), value=padding)
    x = functional.pad(x, (before_left - left, beyond_right - right, before_top - top, beyond_bottom - bottom))
    return functional.unfold(x, op.kernel_size, op.dilation, 0, op.stride).sum(1)


def _reach(op: MaxPool2d | AvgPool2d, x: Tensor) -> tuple[int, int, int, int]:
    """(left, right, top, bottom): how far windows reach beyond the image; less than 0 where they end inside."""
    _, _, *size = _declared(op, x)
    top, _, left, _ = op.sides
    bottom, right = (
        (size[axis] - 1) * op.stride[axis] + op.dilation[axis] * (op.kernel_size[axis] - 1) + 1 - n - before
        for axis, n, before in ((0, x.shape[2], top), (1, x.shape[3], left))
    )
    return left, right, top, bottom


def _declared(op: MaxPool2d | AvgPool2d, x: Tensor) -> tuple[int, ...]:
    return op.output_shape(Shape(*x.shape)).bind(len(x))
