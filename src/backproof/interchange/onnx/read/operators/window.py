"""What convolutions and pooling say of their windows, and values of one or three axes beside the batch and channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from backproof.errors import ModelError
from backproof.interchange.onnx.read import limits
from backproof.interchange.onnx.read.call import Call
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import View


@dataclass(frozen=True)
class Window:
    """Along each axis: size, step, distance between elements, and what is added before and after."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def image(self) -> "ImageWindow":
        """On images; that of a signal, (N, C, L), is on it as an image of one row."""
        kernel, stride, dilation = (self.pair(value, 1) for value in (self.kernel, self.strides, self.dilations))
        (top, left), (bottom, right) = self.pair(self.before, 0), self.pair(self.after, 0)
        return ImageWindow(kernel, stride, dilation, (top, bottom, left, right))

    @staticmethod
    def pair(value: tuple[int, ...], row: int) -> tuple[int, int]:
        """(height, width), the height `row` where there is only one axis."""
        return (value[0], value[1]) if len(value) == 2 else (row, value[0])


class ImageWindow(NamedTuple):
    """As backproof's operations on images take it."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    sides: tuple[int, int, int, int]


def window_of(call: Call, kernel: Sequence[int]) -> Window:
    """The window of a node, with what `auto_pad` comes to on its input."""
    sizes = call.shape()[2:]
    axes = len(sizes)
    strides = call["strides"] or [1] * axes
    dilations = call["dilations"] or [1] * axes
    pads = call["pads"] or [0] * 2 * axes
    if not axes == len(kernel) == len(strides) == len(dilations) == len(pads) / 2:
        raise ModelError(f"its kernel, strides, dilations or pads do not fit images of {axes} axes")
    if min(*kernel, *strides, *dilations) < 1 or max(*kernel, *strides, *dilations, *pads) > limits.WINDOW:
        raise ModelError(f"its kernel, strides and dilations must be 1 or more, and {limits.WINDOW:,} is the most")
    before, after = list(pads[:axes]), list(pads[axes:])
    mode = call["auto_pad"] or "NOTSET"
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        for axis, (k, s, d) in enumerate(zip(kernel, strides, dilations, strict=True)):
            size = call.shape().fixed(2 + axis)
            total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
            less, more = total // 2, total - total // 2
            before[axis], after[axis] = (less, more) if mode == "SAME_UPPER" else (more, less)
    elif mode == "VALID":
        before, after = [0] * axes, [0] * axes
    elif mode != "NOTSET":
        raise ModelError(f"its auto_pad is {mode}")
    return Window(tuple(kernel), tuple(strides), tuple(dilations), tuple(before), tuple(after))


def one_row(call: Call, x: Edge) -> Edge:
    """A signal as an image of one row."""
    n, channels, length = x.shape
    return call.add(View((n, channels, 1, length)), x, suffix="row")


def without_row(call: Call, y: Edge, suffix: str = "") -> Edge:
    """And back."""
    n, channels, _, length = y.shape
    return call.add(View((n, channels, length)), y, suffix=suffix)
