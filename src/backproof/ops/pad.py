"""What is added around images, or at the ends of other axes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from backproof.errors import ModelError, unknown
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import Shape

Mode = Literal["constant", "reflect", "replicate", "wrap"]


@operation
@dataclass(frozen=True)
class Pad(Op):
    """y[n,c,i,j] = x[n, c, r(i - top), s(j - left)]: the image, and around it what the mode says.

    x: (N, C, H, W)   y: (N, C, H + top + bottom, W + left + right), or other values along other axes. Where the row
    k = i - top lies outside of the image, columns likewise,

        constant    y is `value`
        reflect     r(k) = -k above, 2(H - 1) - k below: the edge is the mirror, and is not repeated
        replicate   r(k) = 0 above, H - 1 below: the edge goes on
        wrap        r(k) = k modulo H: the image begins anew

    Padding below 0 takes so many rows away, before anything is added.

    dy goes back to the pixel that was copied: dx is the sum over all its copies.

    Attributes:
        padding: (left, right, top, bottom), in PyTorch's order: of the last axis, then of the one before it, and so on,
            a pair an axis; one number: the same on all sides of an image.
        mode: "constant", "reflect", "replicate" or "wrap".
        value: what `constant` adds.
    """

    padding: int | tuple[int, ...]
    mode: Mode = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise unknown("mode of Pad", self.mode, get_args(Mode), ModelError)
        if self.value and self.mode != "constant":
            raise ModelError(f"Pad's value goes with the mode 'constant', not '{self.mode}'")
        sides = (self.padding,) * 4 if isinstance(self.padding, int) else tuple(self.padding)
        if not sides or len(sides) % 2 or not all(isinstance(n, int) for n in sides):
            raise ModelError(
                f"Pad's padding is a whole number or (left, right, top, bottom, ...) of them, two an axis, "
                f"not {self.padding}"
            )
        object.__setattr__(self, "padding", sides)

    @property
    def sides(self) -> tuple[int, ...]:
        """(left, right, top, bottom, ...)."""
        assert isinstance(self.padding, tuple)
        return self.padding

    def widths(self, rank: int) -> tuple[tuple[int, int], ...]:
        """(before, after) of every axis."""
        pairs = tuple(zip(self.sides[::2], self.sides[1::2], strict=True))
        return ((0, 0),) * (rank - len(pairs)) + pairs[::-1]

    def kept(self, shape: Sequence[int]) -> tuple[slice, ...]:
        """What padding below 0 leaves of x."""
        widths = self.widths(len(shape))
        return tuple(slice(max(0, -a), size - max(0, -b)) for size, (a, b) in zip(shape, widths, strict=True))

    def added(self, rank: int) -> tuple[tuple[int, int], ...]:
        """(before, after) of every axis, of what is kept."""
        return tuple((max(0, a), max(0, b)) for a, b in self.widths(rank))

    def source(self, k: int, size: int) -> int | None:
        """Which of `size` rows (or columns) is copied to place k, where 0 is the first kept; None: the value."""
        if 0 <= k < size:
            return k
        if self.mode == "constant":
            return None
        if self.mode == "reflect":
            return -k if k < 0 else 2 * (size - 1) - k
        if self.mode == "wrap":
            return k % size
        return 0 if k < 0 else size - 1

    def output_shape(self, *inputs: Shape) -> Shape:
        """(N, C, H, W) -> (N, C, H + top + bottom, W + left + right)."""
        (x,) = inputs
        if len(self.sides) > 2 * len(x):
            raise ModelError(f"Pad adds to {len(self.sides) // 2} axes where {x} has {len(x)}")
        widths = self.widths(len(x))
        if any(isinstance(dim, str) and ends != (0, 0) for dim, ends in zip(x, widths, strict=True)):
            raise ModelError(f"Pad adds nothing to the batch, as (left, right, ...) = {self.sides} would to {x}")
        sizes = [1 if isinstance(dim, str) else dim for dim in x]
        left = [part.stop - part.start for part in self.kept(sizes)]
        if min(left) < 1:
            raise ModelError(f"Pad with (left, right, ...) = {self.sides} leaves nothing of {x}")
        added = self.added(len(x))
        if self.mode == "reflect" and any(max(ends) >= size for size, ends in zip(left, added, strict=True)):
            raise ModelError(
                f"Pad's mode 'reflect' adds less than there is: (left, right, top, bottom, ...) = {self.sides} is too "
                f"much for {x}"
            )
        padded = (size + sum(ends) for size, ends in zip(left, added, strict=True))
        return Shape(*(dim if isinstance(dim, str) else size for dim, size in zip(x, padded, strict=True)))

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
        yield Sample(op=Pad((1, 2), mode="wrap"), shapes=((2, 2, 3),))
        yield Sample(op=Pad((2, 1, 0, 5), mode="wrap"), shapes=((2, 1, 3, 2),))
        yield Sample(op=Pad((-1, 2, 1, -2), value=0.5), shapes=((2, 2, 4, 3),))
        yield Sample(op=Pad((-1, 1, 2, 0), mode="reflect"), shapes=((2, 2, 3, 3),))
        yield Sample(op=Pad((0, -1, -1, 0), mode="replicate"), shapes=((1, 2, 3, 2),))
        yield Sample(op=Pad((1, 0), mode="replicate"), shapes=((2, 3),))
        yield Sample(op=Pad((0, 1, 1, 0, 0, 2), mode="replicate"), shapes=((2, 2, 3, 2),))
        yield Sample(op=Pad((1, 0, 0, 1, 0, 0, 2, 1)), shapes=((1, 2, 1, 2),), constants=(0,))
