"""Arithmetic of two values, element by element, which are broadcast by NumPy's rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backproof.errors import ModelError
from backproof.graph.op import Array, Kind, Op, Sample, operation
from backproof.graph.shape import Shape, broadcast


@dataclass(frozen=True)
class Arithmetic(Op):
    """y[i] = f(a[i], b[i]), where an input is repeated along axes that it lacks, or of which it has one place.

    Its gradient is summed over them. One may be without a batch, as a `Parameter` is. Values of whole numbers are taken
    too, both of them, but have no gradient.
    """

    arity: ClassVar[int] = 2

    accepted: ClassVar[tuple[Kind, ...]] = ("float", "int")
    """What both may hold."""

    def output_shape(self, *inputs: Shape) -> Shape:
        shape = broadcast(*inputs)
        if shape is None:
            a, b = inputs
            name = type(self).__name__
            raise ModelError(f"{name} takes two inputs of equal shape, or that broadcast, not {a} and {b}")
        return shape

    def kind_of(self, *kinds: Kind) -> Kind:
        return self.require_kinds(kinds, *self.accepted)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=cls(), shapes=((4, 3), (4, 3)))
        yield Sample(op=cls(), shapes=((2, 3, 2, 2), (2, 3, 2, 2)))
        yield Sample(op=cls(), shapes=((4, 3), (3,)), constants=(1,))
        yield Sample(op=cls(), shapes=((3, 2), (2, 3, 2)), constants=(0,))
        yield Sample(op=cls(), shapes=((2, 3, 2), (1, 2)), constants=(1,))
        yield Sample(op=cls(), shapes=((2, 3, 2, 2), (3, 1, 2)), constants=(1,))
        yield Sample(op=cls(), shapes=((3,), (3,)), constants=(0, 1))
        yield Sample(op=cls(), shapes=((2, 3), (1,)), constants=(1,))
        yield Sample.of(cls(), Shape("N", 3, 2), Shape())
        yield Sample.of(cls(), Shape("N", 1, 3), Shape("N", 2, 1))
        yield Sample.of(cls(), Shape("N"), Shape(3, 1))
        yield Sample.of(cls(), Shape(2, "3N"), Shape("3N"))
        yield Sample.of(cls(), Shape("N", 2, 3, 2), Shape(1, 2, 1, 2))
        if "int" in cls.accepted:
            yield Sample.of(cls(), Shape("N", 3), Shape(3), kinds=("int", "int"))


@operation
@dataclass(frozen=True)
class Add(Arithmetic):
    """y = a + b: where a residual branch joins.   da = db = dy."""


@operation
@dataclass(frozen=True)
class Sub(Arithmetic):
    """y = a - b.   da = dy, db = -dy."""


@operation
@dataclass(frozen=True)
class Mul(Arithmetic):
    """y = a b: where a branch is gated.   da = dy b, db = dy a."""


@operation
@dataclass(frozen=True)
class Div(Arithmetic):
    """y = a / b.   da = dy / b, db = -dy y / b."""

    accepted: ClassVar[tuple[Kind, ...]] = ("float",)

    def draw_inputs(self, rng: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
        """Normal numbers; those that are divided by are 0.5 or more, or -0.5 or less."""
        a, b = super().draw_inputs(rng, *shapes)
        return a, np.copysign(np.abs(b) + 0.5, b)


@operation
@dataclass(frozen=True)
class Pow(Arithmetic):
    """y = aᵇ.   da = dy b aᵇ⁻¹, and 0 where b = 0;   db = dy y log a, and 0 where a = 0 and b >= 0.   As PyTorch's.

    Of a < 0 it is a number only where b is whole, and db never is one. b may hold whole numbers where a holds floats.
    """

    accepted: ClassVar[tuple[Kind, ...]] = ("float",)

    def kind_of(self, *kinds: Kind) -> Kind:
        return self.require_kinds(kinds[:1] if kinds[1:] == ("int",) else kinds, "float")

    def draw_inputs(self, rng: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
        """a from 0.3 to 2.5 and b from -2 to 3, 1.5 if it is a scalar; rounded they are whole numbers with a power."""
        a, b = (rng.uniform(*bounds, shape) for bounds, shape in zip(((0.3, 2.5), (-2, 3)), shapes, strict=True))
        if shapes[1] == ():
            return a, np.array(1.5)
        return a, b if np.all(np.round(a)) else np.abs(b) + 0.6

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(), shapes=((5, 4), (5, 4)), values="whole")
        yield Sample(op=cls(), shapes=((5, 4), (5, 4)), kinds=("float", "int"), values="negative")
        yield Sample.of(cls(), Shape("N", 4), Shape(), kinds=("float", "int"), values="negative")


@dataclass(frozen=True)
class Selecting(Arithmetic):
    """One of the two, which gets the gradient; where both are equal, each gets half of it, as PyTorch's."""

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(), shapes=((6, 5), (6, 5)), values="whole")
        yield Sample(op=cls(), shapes=((2, 3, 4, 2), (2, 3, 4, 2)), values="nan")


@operation
@dataclass(frozen=True)
class Minimum(Selecting):
    """y = min(a, b), NaN where one of them is none.   da = dy [a < b] + dy / 2 [a = b], db likewise."""


@operation
@dataclass(frozen=True)
class Maximum(Selecting):
    """y = max(a, b), NaN where one of them is none.   da = dy [a > b] + dy / 2 [a = b], db likewise."""
