"""Pooling: each output pixel from a window of the input, channel by channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backproof.errors import ModelError
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import Shape
from backproof.ops.spatial import (
    AroundAttribute,
    PairAttribute,
    Sides,
    StrideAttribute,
    image_shape,
    require_output,
    sides,
    window_count,
)


class Pool(Op):
    """What pooling by windows of one size shares.   H' = floor((H + top + bottom - D(K - 1) - 1) / S) + 1."""

    kernel_size: PairAttribute
    stride: StrideAttribute
    padding: AroundAttribute
    dilation: PairAttribute
    ceil_mode: bool

    @property
    def sides(self) -> Sides:
        """(top, bottom, left, right) of the padding."""
        return sides(self.padding)

    def __post_init__(self) -> None:
        """With more padding than half a window one could lie outside of the image (PyTorch's rule).

        Given by its four sides, as ONNX has it, it may be larger, if none does.
        """
        for padding, kernel in zip(self.padding, self.kernel_size, strict=False):
            if len(self.padding) == 2 and 2 * padding > kernel:
                raise ModelError(
                    f"{type(self).__name__}'s padding is at most half of its kernel_size, and {padding} is more than "
                    f"half of {kernel}"
                )

    def output_shape(self, *inputs: Shape) -> Shape:
        """(N, C, H, W) -> (N, C, H', W')."""
        (x,) = inputs
        channels, *sizes = image_shape(self, x)
        height, width = (
            window_count(
                sizes[axis],
                self.kernel_size[axis],
                self.stride[axis],
                self.sides[2 * axis] + self.sides[2 * axis + 1],
                self.dilation[axis],
                before=self.sides[2 * axis],
                ceil_mode=self.ceil_mode,
            )
            for axis in (0, 1)
        )
        require_output(self, x, height, width)
        for axis, count in enumerate((height, width)):
            in_padding = min(count, -(-self.sides[2 * axis] // self.stride[axis]))  # others start at a pixel, or beyond
            if not all(self._sees_pixels(axis, i, sizes[axis]) for i in (*range(in_padding), count - 1)):
                raise ModelError(f"{self} does not fit images of {x[2]}x{x[3]}: a window lies in the padding alone")
        return Shape(x[0], channels, height, width)

    def _sees_pixels(self, axis: int, i: int, size: int) -> bool:
        """Whether window `i` along an axis has an element inside the image: with dilation all may fall beside it."""
        start = i * self.stride[axis] - self.sides[2 * axis]
        a = max(0, -(start // self.dilation[axis]))  # the first element that is not before the image
        return a < self.kernel_size[axis] and start + a * self.dilation[axis] < size


@operation
@dataclass(frozen=True)
class MaxPool2d(Pool):
    """y[n,c,i,j] = max over (a,e) of x[n, c, i·S - P + a·D, j·S - P + e·D],   x is -∞ outside of the image.

    x: (N, C, H, W)   y: (N, C, H', W') with, along each axis,

        H' = floor((H + 2P - D(K - 1) - 1) / S) + 1        with top + bottom for 2P where they differ

    dy goes to the pixel that was the largest; of equal ones to the first, row by row. A NaN counts as the largest.

    Attributes:
        kernel_size: K, (height, width) of the window.
        stride: S, pixels from one window to the next; None: the kernel size, so windows side by side.
        padding: P, (height, width), at most half of the kernel size; or (top, bottom, left, right) of any size with
            which no window lies in the padding alone.
        dilation: D, pixels from one element of the window to the next.
        ceil_mode: round up instead of down: a last window may hang over the end, if it starts inside the image or
            the padding before it.
    """

    kernel_size: PairAttribute = PairAttribute()
    stride: StrideAttribute = StrideAttribute()
    padding: AroundAttribute = AroundAttribute(0, least=0)
    dilation: PairAttribute = PairAttribute(1)
    ceil_mode: bool = False

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=MaxPool2d(2), shapes=((2, 3, 4, 6),))
        yield Sample(op=MaxPool2d(3, stride=2, padding=1), shapes=((2, 2, 5, 6),))
        yield Sample(op=MaxPool2d(3, stride=1), shapes=((1, 2, 4, 5),))
        yield Sample(op=MaxPool2d((1, 2)), shapes=((2, 2, 3, 5),))
        yield Sample(op=MaxPool2d(1, stride=2), shapes=((2, 2, 3, 4),))
        yield Sample(op=MaxPool2d((2, 3), stride=(1, 2), padding=(0, 1)), shapes=((2, 1, 3, 6),))
        yield Sample(op=MaxPool2d(2, dilation=2, stride=1), shapes=((1, 2, 4, 5),))
        yield Sample(op=MaxPool2d(3, stride=2, padding=1, dilation=2), shapes=((2, 1, 5, 4),))
        yield Sample(op=MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0), dilation=(2, 1)), shapes=((2, 2, 5, 9),))
        yield Sample(op=MaxPool2d((2, 3), stride=(2, 1), padding=(0, 1), dilation=(1, 2)), shapes=((2, 2, 8, 6),))
        yield Sample(op=MaxPool2d(2, dilation=2), shapes=((2, 2, 5, 5),))
        yield Sample(op=MaxPool2d(2, ceil_mode=True), shapes=((2, 2, 3, 5),))
        yield Sample(op=MaxPool2d(3, stride=2, padding=1, ceil_mode=True), shapes=((1, 2, 4, 6),))
        yield Sample(op=MaxPool2d(2, stride=3, ceil_mode=True), shapes=((1, 1, 6, 7),))
        yield Sample(op=MaxPool2d((2, 3), 2, (0, 1, 2, 1), ceil_mode=True), shapes=((1, 2, 5, 4),))
        yield Sample(op=MaxPool2d(3, 1, (2, 2, 1, 0)), shapes=((1, 2, 2, 3),))
        yield Sample(op=MaxPool2d(3, padding=1), shapes=((2, 3, 1, 1),))
        yield Sample(op=MaxPool2d(1), shapes=((1, 1, 1, 1),))
        yield Sample(op=MaxPool2d(3, stride=2, padding=1), shapes=((2, 2, 6, 6),), values="whole")
        yield Sample(op=MaxPool2d(2), shapes=((2, 1, 6, 4),), values="whole")
        yield Sample(op=MaxPool2d(3, stride=2, padding=1), shapes=((2, 2, 5, 4),), values="infinite")
        yield Sample(op=MaxPool2d(3, stride=2, padding=1), shapes=((2, 3, 4, 5),), values="lowest")
        yield Sample(op=MaxPool2d(2, stride=1), shapes=((2, 1, 3, 3),), values="lowest")
        yield Sample(
            op=MaxPool2d((4, 3), stride=1, padding=(2, 1), dilation=(2, 1)), shapes=((2, 2, 5, 4),), values="lowest"
        )
        yield Sample(op=MaxPool2d(3, stride=1), shapes=((2, 2, 4, 5),), values="nan")
        yield Sample(op=MaxPool2d(3, stride=2, padding=1), shapes=((2, 3, 5, 4),), values="nan")


@operation
@dataclass(frozen=True)
class AvgPool2d(Pool):
    """y[n,c,i,j] = 1/d Σₐₑ x[n, c, i·S - P + a·D, j·S - P + e·D],   x is 0 outside of the image.

    x: (N, C, H, W)   y: (N, C, H', W') with H' as in `MaxPool2d`.

    d, the divisor, is the number of elements of the window: those in the padding count with `count_include_pad`; those
    beyond the padding, where a window hangs over the end with `ceil_mode`, never do.

    Attributes:
        kernel_size: K, (height, width) of the window.
        stride: S, pixels from one window to the next; None: the kernel size.
        padding: P, (height, width), at most half of the kernel size; or (top, bottom, left, right) of any size with
            which no window lies in the padding alone.
        ceil_mode: round H' up instead of down, as in `MaxPool2d`.
        count_include_pad: whether the zeros of the padding count in d.
        divisor_override: d, the same for every window; None: as above.
        dilation: D, pixels from one element of the window to the next.
    """

    kernel_size: PairAttribute = PairAttribute()
    stride: StrideAttribute = StrideAttribute()
    padding: AroundAttribute = AroundAttribute(0, least=0)
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None
    dilation: PairAttribute = PairAttribute(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.divisor_override == 0:
            raise ModelError("AvgPool2d's divisor_override is not 0")

    def attributes(self) -> dict[str, Any]:
        """The attributes as plain JSON values. Without the dilation, which came later, where there is none."""
        found = super().attributes()
        return found if self.dilation != (1, 1) else {name: v for name, v in found.items() if name != "dilation"}

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=AvgPool2d(2), shapes=((2, 3, 4, 6),))
        yield Sample(op=AvgPool2d(3, stride=1), shapes=((1, 2, 4, 5),))
        yield Sample(op=AvgPool2d((1, 3), stride=(2, 1)), shapes=((2, 2, 4, 5),))
        yield Sample(op=AvgPool2d(1, stride=2), shapes=((2, 2, 3, 4),))
        yield Sample(op=AvgPool2d(3, stride=2, padding=1), shapes=((2, 2, 5, 6),))
        yield Sample(op=AvgPool2d(3, stride=2, padding=1, count_include_pad=False), shapes=((2, 2, 5, 6),))
        yield Sample(op=AvgPool2d((2, 3), padding=(1, 0), divisor_override=5), shapes=((1, 2, 4, 6),))
        yield Sample(op=AvgPool2d((2, 3), padding=(0, 1)), shapes=((1, 2, 4, 5),))
        yield Sample(op=AvgPool2d(2, ceil_mode=True), shapes=((2, 2, 3, 5),))
        yield Sample(op=AvgPool2d(3, stride=2, padding=1, ceil_mode=True), shapes=((1, 2, 4, 6),))
        yield Sample(
            op=AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False), shapes=((1, 2, 4, 6),)
        )
        yield Sample(op=AvgPool2d(2, stride=1, dilation=2), shapes=((1, 2, 4, 5),))
        for include in (True, False):
            op = AvgPool2d((2, 3), 2, (0, 1, 2, 1), ceil_mode=True, count_include_pad=include, dilation=(2, 1))
            yield Sample(op=op, shapes=((1, 2, 5, 4),))
        yield Sample(op=AvgPool2d(3, 1, (2, 2, 2, 2), count_include_pad=False), shapes=((1, 1, 2, 3),))
        yield Sample(op=AvgPool2d(3, padding=1), shapes=((2, 3, 1, 1),))
        yield Sample(op=AvgPool2d(1), shapes=((1, 1, 1, 1),))


class AdaptivePool(Op):
    """What pooling into a given number of windows shares."""

    output_size: PairAttribute

    @staticmethod
    def window(i: int, size: int, output_size: int) -> tuple[int, int]:
        """Start and end (exclusive) of window `i` along an axis."""
        return i * size // output_size, -(-(i + 1) * size // output_size)

    def output_shape(self, *inputs: Shape) -> Shape:
        """(N, C, H, W) -> (N, C, H', W')."""
        (x,) = inputs
        channels, _, _ = image_shape(self, x)
        return Shape(x[0], channels, *self.output_size)


@operation
@dataclass(frozen=True)
class AdaptiveAvgPool2d(AdaptivePool):
    """y[n,c,i,j] = mean of x[n,c] over rows [⌊i H/H'⌋, ⌈(i+1) H/H'⌉) and columns [⌊j W/W'⌋, ⌈(j+1) W/W'⌉).

    x: (N, C, H, W)   y: (N, C, H', W'), of whatever size is asked for, larger than the input too: windows overlap where
    H' does not divide H.   AdaptiveAvgPool2d(1) is the global average: one number a channel, the mean of all pixels.

    Attributes:
        output_size: (H', W').
    """

    output_size: PairAttribute = PairAttribute()

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=AdaptiveAvgPool2d(1), shapes=((2, 3, 3, 5),))
        yield Sample(op=AdaptiveAvgPool2d(2), shapes=((2, 2, 4, 6),))
        yield Sample(op=AdaptiveAvgPool2d((2, 3)), shapes=((1, 2, 5, 7),))
        yield Sample(op=AdaptiveAvgPool2d((3, 1)), shapes=((2, 1, 3, 4),))
        yield Sample(op=AdaptiveAvgPool2d(3), shapes=((2, 2, 2, 1),))
        yield Sample(op=AdaptiveAvgPool2d(1), shapes=((1, 1, 1, 1),))


@operation
@dataclass(frozen=True)
class AdaptiveMaxPool2d(AdaptivePool):
    """y[n,c,i,j] = max of x[n,c] over the window that `AdaptiveAvgPool2d` has.

    x: (N, C, H, W)   y: (N, C, H', W').   dy goes to the pixel that was the largest; of equal ones to the first, row by
    row.   AdaptiveMaxPool2d(1) is the global maximum of each channel.

    Attributes:
        output_size: (H', W').
    """

    output_size: PairAttribute = PairAttribute()

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=AdaptiveMaxPool2d(1), shapes=((2, 3, 3, 5),))
        yield Sample(op=AdaptiveMaxPool2d((2, 3)), shapes=((1, 2, 5, 7),))
        yield Sample(op=AdaptiveMaxPool2d(3), shapes=((2, 2, 2, 1),))
        yield Sample(op=AdaptiveMaxPool2d(2), shapes=((2, 2, 6, 4),), values="whole")
