"""Numbers on a grid of whole numbers, as quantised networks have them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from backproof.errors import ModelError, unknown
from backproof.graph.op import Array, Op, Sample, operation
from backproof.graph.shape import Shape

Grid = Literal["uint8", "int8", "uint16", "int16", "int32", "uint4", "int4", "uint2", "int2"]

BITS: Mapping[str, int] = {name: int(name.lstrip("uint")) for name in get_args(Grid)}


class Grids(Op):
    """What both directions share: a scale s and a zero point z, one for all, or one a place along an axis."""

    scale: float | tuple[float, ...]
    zero_point: int | tuple[int, ...]
    axis: int

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        for values in (self.scale, self.zero_point):
            if isinstance(values, tuple) and x.fixed(self.axis) != len(values):
                name = type(self).__name__
                raise ModelError(
                    f"{name} has {len(values)} scales or zero points, which do not fit axis {self.axis} of {x}"
                )
        return x

    def shaped(self, values: float | tuple[float, ...], rank: int, axis: int) -> Array:
        """s or z as it meets x of so many axes, of which `axis` is its own."""
        if not isinstance(values, tuple):
            return np.array(values, np.float64)
        return np.array(values, np.float64).reshape([-1 if i == axis % rank else 1 for i in range(rank)])


@operation
@dataclass(frozen=True)
class QuantizeLinear(Grids):
    """y = min(max(round(x / s) + z, least), most), halves rounded to even; whole numbers, kept as floats.   dx = 0.

    x, y: any shape.   `least` and `most` are the bounds of the grid: 0 and 255 of uint8.   As ONNX'.   The slope of a
    step is 0 wherever it has one; a gradient passed straight through would be another function's.

    Attributes:
        scale: s, one number, or one a place along the axis.
        zero_point: z, likewise.
        grid: the whole numbers that y may be, such as "uint8" or "int4".
        axis: see above.
    """

    scale: float | tuple[float, ...]
    zero_point: int | tuple[int, ...] = 0
    grid: Grid = "uint8"
    axis: int = 1

    def __post_init__(self) -> None:
        if self.grid not in get_args(Grid):
            raise unknown("grid of QuantizeLinear", self.grid, get_args(Grid), ModelError)

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the largest number of the grid."""
        bits = BITS[self.grid]
        return (0, 2**bits - 1) if self.grid.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        # Scales are powers of 2, so that no rounding decides on which side of a step a number is.
        yield Sample(op=QuantizeLinear(0.125, 10), shapes=((3, 4),))
        yield Sample(op=QuantizeLinear(2.0, 1, "int8"), shapes=((4, 5),), values="whole")
        yield Sample(op=QuantizeLinear((0.25, 0.5, 1.0), (1, 0, -2), "int4"), shapes=((2, 3, 2, 2),))
        yield Sample(op=QuantizeLinear(0.125, grid="uint2"), shapes=((2, 3),), values="far")
        yield Sample(op=QuantizeLinear((0.5, 0.25), axis=-1), shapes=((2, 3, 2),))


@operation
@dataclass(frozen=True)
class DequantizeLinear(Grids):
    """y = (x - z) s.   dx = dy s.   x, y: any shape.   As ONNX'.

    Attributes:
        scale: s, one number, or one a place along the axis.
        zero_point: z, likewise.
        axis: see above.
    """

    scale: float | tuple[float, ...]
    zero_point: int | tuple[int, ...] = 0
    axis: int = 1

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=DequantizeLinear(0.1, 3), shapes=((3, 4),))
        yield Sample(op=DequantizeLinear((0.25, 0.3, 1.0), (1, 0, -2)), shapes=((2, 3, 2, 2),), values="whole")
        yield Sample(op=DequantizeLinear((0.5, 0.2), axis=-1), shapes=((2, 3, 2),))
