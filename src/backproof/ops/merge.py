"""Operations that join values of equal shape, or all but equal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from backproof.errors import ModelError
from backproof.graph.op import Kind, Op, Sample, later, operation
from backproof.graph.shape import BATCH, Dim, Shape, batches


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
    """The inputs side by side along an axis, in the order given; each gets its own part of dy back.

    Attributes:
        axis: 1, that of features or channels; negative ones are counted from the end.
    """

    arity: ClassVar[int] = -1

    axis: int = later(1)

    def kind_of(self, *kinds: Kind) -> Kind:
        return self.require_kinds(kinds, "float", "int", "bool")

    def output_shape(self, *inputs: Shape) -> Shape:
        if not inputs:
            raise ModelError("Concat takes one input or more, and there is none")
        first, rank = inputs[0], len(inputs[0])
        if not -rank <= self.axis < rank:
            raise ModelError(f"Concat along axis {self.axis} takes inputs that have it, not {first}")
        axis = self.axis % rank
        for other in inputs:
            if len(other) != rank or (*other[:axis], *other[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]):
                raise ModelError(f"Concat takes inputs that differ in axis {axis} alone, not {first} and {other}")
        return Shape(*first[:axis], _total([x[axis] for x in inputs], first), *first[axis + 1 :])

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Concat(), shapes=((4, 3), (4, 2)))
        yield Sample(op=Concat(), shapes=((2, 1, 2, 3), (2, 3, 2, 3), (2, 2, 2, 3)))
        yield Sample(op=Concat(), shapes=((3, 2),))
        yield Sample(op=Concat(axis=-1), shapes=((2, 3, 2), (2, 3, 1)))
        yield Sample(op=Concat(axis=2), shapes=((2, 2, 1, 3), (2, 2, 3, 3)))
        yield Sample(op=Concat(axis=0), shapes=((2, 3), (1, 3)), constants=(0, 1))
        yield Sample.of(Concat(axis=0), Shape(BATCH, 2, 2), Shape("2N", 2, 2))
        yield Sample.of(Concat(axis=-1), Shape(2, BATCH, 1), Shape(2, BATCH, 2), kinds=("int", "int"))


def _total(dims: Sequence[Dim], first: Shape) -> Dim:
    """The sum of dimensions, of which all are multiples of the batch size, or none."""
    if not any(isinstance(dim, str) for dim in dims):
        return sum(map(int, dims))
    if not all(isinstance(dim, str) for dim in dims):
        raise ModelError(f"Concat cannot put the batch of {first} beside a fixed number")
    return f"{sum(batches(str(dim)) for dim in dims)}{BATCH}" if len(dims) > 1 else dims[0]
