"""Pixels added around images."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from backproof.errors import ModelError, unknown
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import Shape
from backproof.ops.spatial import image_shape

Mode = Literal["constant", "reflect", "replicate"]


@operation
@dataclass(frozen=True)
class Pad(Op):
    """y[n,c,i,j] = x[n, c, r(i - top), s(j - left)]: the image, and around it what the mode says.

    x: (N, C, H, W)   y: (N, C, H + top + bottom, W + left + right).   Where the row k = i - top lies outside of the
    image, columns likewise,

        constant    y is `value`
        reflect     r(k) = -k above, 2(H - 1) - k below: the edge is the mirror, and is not repeated
        replicate   r(k) = 0 above, H - 1 below: the edge goes on

    dy goes back to the pixel that was copied: dx is the sum over all its copies.

    Attributes:
        padding: (left, right, top, bottom), in PyTorch's order; one number: the same on all sides.
        mode: "constant", "reflect" or "replicate".
        value: what `constant` adds.
    """

    padding: int | tuple[int, int, int, int]
    mode: Mode = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise unknown("mode of Pad", self.mode, get_args(Mode), ModelError)
        if self.value and self.mode != "constant":
            raise ModelError(f"Pad's value goes with the mode 'constant', not '{self.mode}'")
        sides = (self.padding,) * 4 if isinstance(self.padding, int) else tuple(self.padding)
        if len(sides) != 4 or not all(isinstance(n, int) and n >= 0 for n in sides):
            raise ModelError(
                f"Pad's padding is a whole number >= 0 or (left, right, top, bottom) of them, not {self.padding}"
            )
        object.__setattr__(self, "padding", sides)

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """(left, right, top, bottom)."""
        assert isinstance(self.padding, tuple)
        return self.padding

    def source(self, k: int, size: int) -> int | None:
        """Which of `size` rows (or columns) is copied to place k, where 0 is the image's first; None: the value."""
        if 0 <= k < size:
            return k
        if self.mode == "constant":
            return None
        if self.mode == "reflect":
            return -k if k < 0 else 2 * (size - 1) - k
        return 0 if k < 0 else size - 1

    def output_shape(self, *inputs: Shape) -> Shape:
        """(N, C, H, W) -> (N, C, H + top + bottom, W + left + right)."""
        (x,) = inputs
        channels, height, width = image_shape(self, x)
        left, right, top, bottom = self.sides
        if self.mode == "reflect" and (max(left, right) >= width or max(top, bottom) >= height):
            raise ModelError(
                f"Pad's mode 'reflect' adds less than the image has: (left, right, top, bottom) = {self.sides} is too "
                f"much for {height}x{width} pixels"
            )
        return Shape(x[0], channels, height + top + bottom, width + left + right)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Pad(1), shapes=((2, 3, 2, 3),))
        yield Sample(op=Pad((1, 0, 2, 3), value=-1.5), shapes=((2, 1, 3, 2),))
        yield Sample(op=Pad(0), shapes=((2, 2, 3, 2),))
        yield Sample(op=Pad(1, mode="reflect"), shapes=((2, 2, 3, 4),))
        yield Sample(op=Pad((2, 3, 1, 0), mode="reflect"), shapes=((1, 2, 2, 4),))
        yield Sample(op=Pad((1, 1, 2, 2), mode="reflect"), shapes=((2, 1, 3, 2),))
        yield Sample(op=Pad(1, mode="replicate"), shapes=((2, 2, 3, 4),))
        yield Sample(op=Pad((0, 3, 4, 1), mode="replicate"), shapes=((1, 2, 2, 3),))
        yield Sample(op=Pad(2, mode="replicate"), shapes=((2, 1, 1, 1),))
        yield Sample(op=Pad(2), shapes=((1, 1, 1, 1),))
