"""Images made larger or smaller."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Literal, NamedTuple, get_args

from backproof.errors import ModelError, unknown
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import Shape
from backproof.ops.spatial import image_shape, require_output

Mode = Literal["nearest", "bilinear"]


class Between(NamedTuple):
    """A place between two rows (or columns) of the input: (1 - weight) of `lower` and weight of `upper`."""

    lower: int
    upper: int
    weight: float


@operation
@dataclass(frozen=True)
class Resize(Op):
    """y[n,c,i,j] = x[n,c] at the place (u(i), v(j)): the nearest pixel's, or between the four pixels around it.

    x: (N, C, H, W)   y: (N, C, H', W') with (H', W') = size, or (floor(H scale_factor), floor(W scale_factor)).
    With the ratio r = H / H' where a size is given, 1 / scale_factor else, and columns likewise,

        nearest                   u(i) = floor(i r)
        bilinear                  u(i) = max(0, (i + 1/2) r - 1/2): pixels are squares, and their centres correspond
        bilinear, align_corners   u(i) = i (H - 1) / (H' - 1): the centres of the corner pixels correspond

    and between pixels, with k = floor(u) and w = u - k, rows weigh (1 - w) x[k] + w x[min(k + 1, H - 1)], then columns
    likewise.   dy goes back with the same weights.   As PyTorch's `interpolate`, also known as Upsample. As there,
    r = H / H' for a scale_factor too where it comes to H' = H, or for nearest H' = 2 H: pixels are copied, or doubled.

    Attributes:
        size: H' and W', one number or (height, width). Either this or `scale_factor` is given.
        scale_factor: how much larger, one number or (height, width).
        mode: "nearest" or "bilinear".
        align_corners: see above; bilinear only.
    """

    size: int | tuple[int, int] | None = None
    scale_factor: float | tuple[float, float] | None = None
    mode: Mode = "nearest"
    align_corners: bool = False

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise unknown("mode of Resize", self.mode, get_args(Mode), ModelError)
        if self.align_corners and self.mode != "bilinear":
            raise ModelError(f"Resize's align_corners goes with the mode 'bilinear', not '{self.mode}'")
        if (self.size is None) == (self.scale_factor is None):
            raise ModelError("Resize takes either a size or a scale_factor")
        for name in ("size", "scale_factor"):
            value = getattr(self, name)
            if value is None:
                continue
            pair = value if isinstance(value, tuple) else (value, value)
            kind = int if name == "size" else int | float
            if len(pair) != 2 or not all(isinstance(n, kind) and n > 0 for n in pair):
                raise ModelError(
                    f"Resize's {name} is a {'whole ' if kind is int else ''}number above 0 or a pair of them "
                    f"(height, width), not {value!r}"
                )
            object.__setattr__(self, name, pair)

    def output_shape(self, *inputs: Shape) -> Shape:
        """(N, C, H, W) -> (N, C, H', W')."""
        (x,) = inputs
        channels, height, width = image_shape(self, x)
        out_height, out_width = self.output_size(height, 0), self.output_size(width, 1)
        require_output(self, x, out_height, out_width)
        return Shape(x[0], channels, out_height, out_width)

    def output_size(self, size: int, axis: Literal[0, 1]) -> int:
        """H' from H (axis 0), or W' from W (axis 1)."""
        if isinstance(self.size, tuple):
            return self.size[axis]
        assert isinstance(self.scale_factor, tuple)
        return floor(size * self.scale_factor[axis])

    def places(self, size: int, axis: Literal[0, 1]) -> list[Between]:
        """Where each output row (axis 0) or column (axis 1) lies in an input of `size` of them."""
        return [self._place(i, size, axis) for i in range(self.output_size(size, axis))]

    def _place(self, i: int, size: int, axis: Literal[0, 1]) -> Between:
        if self.mode == "nearest":
            k = min(floor(i * self._ratio(size, axis)), size - 1)
            return Between(k, k, 0.0)
        if self.align_corners:
            last = self.output_size(size, axis) - 1
            u = i * (size - 1) / last if last else 0.0
        else:
            u = max(0.0, (i + 0.5) * float(self._ratio(size, axis)) - 0.5)
        k = floor(u)
        return Between(k, min(k + 1, size - 1), u - k)

    def _ratio(self, size: int, axis: Literal[0, 1]) -> float | Fraction:
        """r; of whole numbers exact, since rounding could put i r just below a whole number."""
        ratio = Fraction(size, self.output_size(size, axis))
        whole = ratio == 1 or (ratio == Fraction(1, 2) and self.mode == "nearest")
        return 1 / self.scale_factor[axis] if isinstance(self.scale_factor, tuple) and not whole else ratio

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for mode, align_corners in (("nearest", False), ("bilinear", False), ("bilinear", True)):
            for size, shape in (
                (5, (2, 2, 3, 2)),
                ((2, 7), (1, 2, 5, 3)),
                ((1, 2), (2, 1, 3, 4)),
                ((4, 3), (2, 2, 4, 3)),
                (3, (2, 1, 1, 1)),
            ):
                yield Sample(op=Resize(size, mode=mode, align_corners=align_corners), shapes=(shape,))  # type: ignore[arg-type]
            for factor, shape in ((2, (2, 3, 2, 3)), ((1.7, 0.6), (1, 2, 3, 5)), ((2.2, 1.2), (2, 1, 3, 4))):
                op = Resize(scale_factor=factor, mode=mode, align_corners=align_corners)  # type: ignore[arg-type]
                yield Sample(op=op, shapes=(shape,))
