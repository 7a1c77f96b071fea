"""Images made larger or smaller."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Literal, NamedTuple, get_args

from backproof.errors import ModelError, unknown
from backproof.graph.op import Op, Sample, later, operation
from backproof.graph.shape import Shape
from backproof.ops.spatial import image_shape, require_output

Mode = Literal["nearest", "bilinear", "bicubic"]

Coordinates = Literal[
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"
]

Rounding = Literal["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]

HALF = Fraction(1, 2)


class Taps(NamedTuple):
    """What an output row (or column) is the weighted sum of; no rows at all: it lies outside of the image."""

    rows: tuple[int, ...]
    weights: tuple[float, ...]


@operation
@dataclass(frozen=True)
class Resize(Op):
    """y[n,c,i,j] = x[n,c] at the place (u(i), v(j)): Σ f(k - u) f(l - v) x[n,c,k,l] over the pixels (k, l) around it.

    x: (N, C, H, W)   y: (N, C, H', W') with (H', W') = size, or (floor(H scale_factor), floor(W scale_factor)).
    With the ratio r = H / H' where a size is given, 1 / scale_factor else, and columns likewise,

        nearest                 u(i) = floor(i r)
        otherwise               u(i) = (i + 1/2) r - 1/2: pixels are squares, and their centres correspond
        with align_corners      u(i) = i (H - 1) / (H' - 1): the centres of the corner pixels correspond

        nearest     the one pixel
        bilinear    f(t) = 1 - |t|                                        for |t| < 1
        bicubic     f(t) = (a + 2) |t|³ - (a + 3) |t|² + 1                for |t| <= 1
                    f(t) = a |t|³ - 5 a |t|² + 8 a |t| - 4 a              for 1 < |t| < 2       Keys 1981

    and rows beyond the edge are the edge's.   dy goes back with the same weights.   As PyTorch's `interpolate`, also
    known as Upsample. As there, r = H / H' for a scale_factor too where it comes to H' = H, but not for bicubic, or for
    nearest to H' = 2 H: pixels are copied, or doubled.   The other attributes are ONNX' (`Resize`), for networks from
    elsewhere; there "linear" is bilinear, "cubic" bicubic.

    Attributes:
        size: H' and W', one number or (height, width).
        scale_factor: how much larger, one number or (height, width). One of both is given, or both: then the size says
            how large y is, and r is 1 / scale_factor.
        mode: "nearest", "bilinear" or "bicubic".
        align_corners: see above; not for nearest.
        coordinate_transformation_mode: u(i) as ONNX has it, by one of its names; None: as above.
        nearest_mode: how u is rounded: "floor", "ceil", "round_prefer_floor" (a half down) or "round_prefer_ceil".
        cubic_coeff_a: a of bicubic.
        antialias: where the image is made smaller, f is stretched by r, so that every pixel has a part; the weights
            are divided by their sum.
        exclude_outside: rows beyond the edge have no part, and the weights of the others are divided by their sum.
        roi: (top, left, bottom, right) of tf_crop_and_resize, 0 and 1 the centres of the outermost pixels.
        extrapolation_value: y where tf_crop_and_resize looks outside of the image.
    """

    size: int | tuple[int, int] | None = None
    scale_factor: float | tuple[float, float] | None = None
    mode: Mode = "nearest"
    align_corners: bool = False
    coordinate_transformation_mode: Coordinates | None = later(None)
    nearest_mode: Rounding = later("floor")
    cubic_coeff_a: float = later(-0.75)
    antialias: bool = later(False)
    exclude_outside: bool = later(False)
    roi: tuple[float, float, float, float] | None = later(None)
    extrapolation_value: float = later(0.0)

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise unknown("mode of Resize", self.mode, get_args(Mode), ModelError)
        if self.nearest_mode not in get_args(Rounding):
            raise unknown("nearest_mode of Resize", self.nearest_mode, get_args(Rounding), ModelError)
        coordinates = self.coordinate_transformation_mode
        if coordinates is not None and coordinates not in get_args(Coordinates):
            raise unknown("coordinate_transformation_mode of Resize", coordinates, get_args(Coordinates), ModelError)
        for name in ("align_corners", "antialias", "exclude_outside"):
            if getattr(self, name) and self.mode == "nearest":
                raise ModelError(f"Resize's {name} goes with the mode 'bilinear' or 'bicubic', not '{self.mode}'")
        if self.align_corners and coordinates is not None:
            raise ModelError("Resize takes align_corners or a coordinate_transformation_mode, not both")
        if (coordinates == "tf_crop_and_resize") != (self.roi is not None):
            raise ModelError("Resize's roi goes with the coordinate_transformation_mode 'tf_crop_and_resize'")
        if self.size is None and self.scale_factor is None:
            raise ModelError("Resize takes a size or a scale_factor")
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

    def taps(self, size: int, axis: Literal[0, 1]) -> list[Taps]:
        """What each output row (axis 0) or column (axis 1) is made of, in an input of `size` of them."""
        places = [self._place(i, size, axis) for i in range(self.output_size(size, axis))]
        crops = self.roi is not None
        stretch = max(1.0, float(self._ratio(size, axis))) if self.antialias else 1.0
        return [Taps((), ()) if crops and not 0 <= u <= size - 1 else self.around(u, size, stretch) for u in places]

    def _place(self, i: int, size: int, axis: Literal[0, 1]) -> float | Fraction:
        """u(i)."""
        r, out = self._ratio(size, axis), self.output_size(size, axis)
        coordinates = self.coordinate_transformation_mode
        if coordinates is None:
            if self.mode == "nearest":
                return i * r
            if self.align_corners:
                return i * (size - 1) / (out - 1) if out > 1 else 0.0
            u = (i + 0.5) * float(r) - 0.5
            return max(0.0, u) if self.mode == "bilinear" else u
        length = size / r  # H', not rounded to a whole number where a scale_factor says it
        if coordinates == "asymmetric":
            return i * r
        if coordinates == "align_corners":
            return i * (size - 1) / (length - 1) if length > 1 else 0
        if coordinates == "tf_crop_and_resize":
            assert self.roi is not None
            start, end = self.roi[axis], self.roi[axis + 2]
            share = i / (length - 1) if length > 1 else HALF
            return (start + share * (end - start)) * (size - 1)
        if coordinates == "pytorch_half_pixel" and out == 1:
            return 0
        u_half = (i + HALF) * r - HALF
        return u_half + size * HALF * (1 - out / length) if coordinates == "half_pixel_symmetric" else u_half

    def _ratio(self, size: int, axis: Literal[0, 1]) -> float | Fraction:
        """r; of whole numbers exact, since rounding could put i r just below a whole number."""
        ratio = Fraction(size, self.output_size(size, axis))
        own = self.coordinate_transformation_mode is None
        copied = ratio == 1 and self.mode != "bicubic"
        whole = own and (copied or (ratio == HALF and self.mode == "nearest"))
        return 1 / self.scale_factor[axis] if isinstance(self.scale_factor, tuple) and not whole else ratio

    def around(self, u: float | Fraction, size: int, stretch: float = 1.0) -> Taps:
        """The rows around the place u, and their weights."""
        if self.mode == "nearest":
            k = {
                "floor": floor(u),
                "ceil": ceil(u),
                "round_prefer_floor": ceil(u - HALF),
                "round_prefer_ceil": floor(u + HALF),
            }[self.nearest_mode]
            return Taps((min(max(k, 0), size - 1),), (1.0,))
        reach = ceil((1 if self.mode == "bilinear" else 2) * stretch)
        rows = [floor(u) + k for k in range(1 - reach, 1 + reach)]
        weights = [self._f(float(k - u) / stretch) for k in rows]
        if self.mode == "bilinear" and not self.antialias:
            w = float(u - floor(u))
            weights = [1 - w, w]
        if self.antialias:
            weights = [weight / sum(weights) for weight in weights]
        if self.exclude_outside:
            weights = [weight if 0 <= k < size else 0.0 for k, weight in zip(rows, weights, strict=True)]
            weights = [weight / sum(weights) for weight in weights]
        return Taps(tuple(min(max(k, 0), size - 1) for k in rows), tuple(weights))

    def _f(self, t: float) -> float:
        t, a = abs(t), self.cubic_coeff_a
        if self.mode == "bilinear":
            return max(0.0, 1 - t)
        if t <= 1:
            return ((a + 2) * t - (a + 3)) * t * t + 1
        return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a if t < 2 else 0.0

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        make: Callable[..., Resize] = Resize
        for mode, align_corners in (("nearest", False), ("bilinear", False), ("bilinear", True)):
            for size, shape in (
                (5, (2, 2, 3, 2)),
                ((2, 7), (1, 2, 5, 3)),
                ((1, 2), (2, 1, 3, 4)),
                ((4, 3), (2, 2, 4, 3)),
                (3, (2, 1, 1, 1)),
            ):
                yield Sample(op=make(size, mode=mode, align_corners=align_corners), shapes=(shape,))
            for factor, shape in ((2, (2, 3, 2, 3)), ((1.7, 0.6), (1, 2, 3, 5)), ((2.2, 1.2), (2, 1, 3, 4))):
                op = make(scale_factor=factor, mode=mode, align_corners=align_corners)
                yield Sample(op=op, shapes=(shape,))
        yield Sample(op=make((2, 7), mode="bicubic"), shapes=((1, 2, 5, 3),))
        yield Sample(op=make((2, 7), mode="bicubic", align_corners=True), shapes=((1, 1, 5, 3),))
        yield Sample(op=make(scale_factor=2, mode="bicubic"), shapes=((2, 1, 2, 1),))
        yield Sample(op=make(scale_factor=(1.0, 1.3), mode="bicubic"), shapes=((2, 1, 3, 2),))
        for rounding in get_args(Rounding):
            op = make((3, 8), nearest_mode=rounding, coordinate_transformation_mode="half_pixel")
            yield Sample(op=op, shapes=((1, 1, 6, 4),))
        for coordinates, mode in (
            ("half_pixel", "bicubic"),
            ("half_pixel_symmetric", "bilinear"),
            ("pytorch_half_pixel", "bilinear"),
            ("align_corners", "bilinear"),
            ("asymmetric", "bicubic"),
        ):
            op = make(None, (0.6, 0.4), mode, coordinate_transformation_mode=coordinates)
            yield Sample(op=op, shapes=((1, 1, 4, 3),))
        for mode in get_args(Mode):
            crop = {"roi": (0.2, 0.4, 1.3, 0.9), "coordinate_transformation_mode": "tf_crop_and_resize"}
            yield Sample(op=make((3, 2), None, mode, extrapolation_value=2.5, **crop), shapes=((1, 2, 4, 3),))
        for mode, outside in (("bilinear", False), ("bicubic", False), ("bicubic", True)):
            op = make((2, 5), mode=mode, antialias=True, exclude_outside=outside, cubic_coeff_a=-0.5)
            yield Sample(op=op, shapes=((1, 1, 5, 3),))
        op = make((3, 4), (0.8, 1.5), "bicubic", coordinate_transformation_mode="half_pixel", exclude_outside=True)
        yield Sample(op=op, shapes=((1, 1, 4, 3),))
