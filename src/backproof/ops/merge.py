"""Operations on several inputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from backproof.errors import ModelError
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import BATCH, Shape


@dataclass(frozen=True)
class OfEqualShape(Op):
    """Two inputs of equal shape, element by element.

    One may be without a batch axis, as a `Parameter` is: it is broadcast to every sample of the other, as NumPy does.
    """

    arity: ClassVar[int] = 2

    def output_shape(self, *inputs: Shape) -> Shape:
        a, b = inputs
        if a == b or _broadcasts(b, a):
            return a
        if _broadcasts(a, b):
            return b
        raise ModelError(f"{type(self).__name__} takes two inputs of equal shape, not {a} and {b}")

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


def _broadcasts(part: Shape, whole: Shape) -> bool:
    """Whether `part`, without a batch, has the shape of the samples of `whole`, but for axes that it lacks or are 1."""
    if BATCH in part or whole[:1] != (BATCH,) or len(part) >= len(whole):
        return False
    return all(size in (1, full) for size, full in zip(reversed(part), reversed(whole), strict=False))


@operation
@dataclass(frozen=True)
class Add(OfEqualShape):
    """y = a + b, of equal shape: where a residual branch joins.   da = db = dy."""


@operation
@dataclass(frozen=True)
class Mul(OfEqualShape):
    """y = a b, of equal shape: where a branch is gated.   da = dy b, db = dy a."""


@operation
@dataclass(frozen=True)
class WeightedSum(Op):
    """y = Σₖ wₖ xₖ over inputs of equal shape: where several losses become one.   dxₖ = wₖ dy.

    Attributes:
        weights: w, one an input.
    """

    arity: ClassVar[int] = -1

    weights: tuple[float, ...]

    def output_shape(self, *inputs: Shape) -> Shape:
        if not inputs or len(inputs) != len(self.weights):
            raise ModelError(f"WeightedSum takes {len(self.weights)} inputs, one a weight, not {len(inputs)}")
        for other in inputs:
            if other != inputs[0]:
                raise ModelError(f"WeightedSum takes inputs of equal shape, not {inputs[0]} and {other}")
        return inputs[0]

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=cls((0.5, -2.0)), shapes=((4, 3), (4, 3)))
        yield Sample(op=cls((1.0, 0.0, 0.3)), shapes=((2, 3, 2, 2),) * 3)
        yield Sample(op=cls((3.0,)), shapes=((5,),))


@operation
@dataclass(frozen=True)
class Concat(Op):
    """The inputs side by side along axis 1 (features or channels), in the order given."""

    arity: ClassVar[int] = -1

    def output_shape(self, *inputs: Shape) -> Shape:
        if not inputs:
            raise ModelError("Concat takes one input or more, and there is none")
        first = inputs[0]
        for other in inputs:
            if len(other) < 2 or len(other) != len(first) or other[2:] != first[2:]:
                raise ModelError(f"Concat takes inputs that differ in axis 1 alone, not {first} and {other}")
        return Shape(first[0], sum(int(x[1]) for x in inputs), *first[2:])

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Concat(), shapes=((4, 3), (4, 2)))
        yield Sample(op=Concat(), shapes=((2, 1, 2, 3), (2, 3, 2, 3), (2, 2, 2, 3)))
        yield Sample(op=Concat(), shapes=((3, 2),))
