"""Functions of one value, element by element, as PyTorch's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backproof.graph.op import Array, Kind, Op, Sample, operation
from backproof.graph.shape import Shape

SHAPES = (Shape("N", 4), Shape("N", 3, 2, 2), Shape(3, "2N"), Shape(2, 3), Shape())


@dataclass(frozen=True)
class Function(Op):
    """y[i] = f(x[i]) and dx[i] = dy[i] f'(x[i]), for values of any shape."""

    accepted: ClassVar[tuple[Kind, ...]] = ("float",)
    """What x may hold; y holds the same."""

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def kind_of(self, *kinds: Kind) -> Kind:
        return self.require_kinds(kinds, *self.accepted)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for shape in SHAPES:
            yield Sample.of(cls(), shape, batch=3)
        if "int" in cls.accepted:
            yield Sample.of(cls(), Shape("N", 4), kinds=("int",))


@dataclass(frozen=True)
class Bent(Function):
    """A function with kinks, or jumps, at whole numbers."""

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(), shapes=((6, 5),), values="whole")
        yield Sample(op=cls(), shapes=((4, 3),), values="far")


@dataclass(frozen=True)
class Step(Bent):
    """A function that is level but where it jumps: its derivative is 0 everywhere, at the jumps too, as PyTorch's."""


@dataclass(frozen=True)
class OfPositive(Function):
    """A function of numbers above 0."""

    def draw_inputs(self, rng: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
        """From 0.2 to 3."""
        return tuple(rng.uniform(0.2, 3, shape) for shape in shapes)


@operation
@dataclass(frozen=True)
class Neg(Function):
    """y = -x.   dy/dx = -1."""

    accepted: ClassVar[tuple[Kind, ...]] = ("float", "int")


@operation
@dataclass(frozen=True)
class Abs(Bent):
    """y = |x|.   dy/dx = sign x, 0 at x = 0."""

    accepted: ClassVar[tuple[Kind, ...]] = ("float", "int")


@operation
@dataclass(frozen=True)
class Exp(Function):
    """y = eˣ.   dy/dx = y."""


@operation
@dataclass(frozen=True)
class Log(OfPositive):
    """y = log x, the natural logarithm.   dy/dx = 1 / x."""


@operation
@dataclass(frozen=True)
class Sqrt(OfPositive):
    """y = √x.   dy/dx = 1 / (2 y)."""


@operation
@dataclass(frozen=True)
class Reciprocal(OfPositive):
    """y = 1 / x.   dy/dx = -y²."""

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(), shapes=((4, 3),), values="negative")


@operation
@dataclass(frozen=True)
class Erf(Function):
    """y = 2/√π ∫₀ˣ e^(-t²) dt, the error function.   dy/dx = 2/√π e^(-x²)."""


@operation
@dataclass(frozen=True)
class Sin(Function):
    """y = sin x, x in radians.   dy/dx = cos x."""


@operation
@dataclass(frozen=True)
class Cos(Function):
    """y = cos x, x in radians.   dy/dx = -sin x."""


@operation
@dataclass(frozen=True)
class Floor(Step):
    """y = ⌊x⌋, the largest whole number that is not above x.   dy/dx = 0."""


@operation
@dataclass(frozen=True)
class Ceil(Step):
    """y = ⌈x⌉, the smallest whole number that is not below x.   dy/dx = 0."""


@operation
@dataclass(frozen=True)
class Round(Step):
    """y = the nearest whole number, of two the even one.   dy/dx = 0."""


@operation
@dataclass(frozen=True)
class Sign(Step):
    """y = 1, 0 or -1, as x is above 0, 0 or below.   dy/dx = 0."""

    accepted: ClassVar[tuple[Kind, ...]] = ("float", "int")
