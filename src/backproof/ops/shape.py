"""Operations that only rearrange."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from backproof.errors import ModelError
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import BATCH, Shape


@operation
@dataclass(frozen=True)
class Flatten(Op):
    """(N, C, H, W) -> (N, C·H·W), last index fastest."""

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        return Shape(BATCH, x.size)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Flatten(), shapes=((3, 2, 4, 5),))
        yield Sample(op=Flatten(), shapes=((1, 1, 1, 1),))
        yield Sample(op=Flatten(), shapes=((4, 6),))


@operation
@dataclass(frozen=True)
class Reshape(Op):
    """(N, ...) -> (N, *shape): other dimensions for every sample, elements in the same order.

    Attributes:
        shape: the dimensions of one sample, without the batch; one of them may be -1, which is what the others leave.
    """

    shape: tuple[int, ...]

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if self.shape.count(-1) > 1:
            raise ModelError(f"Reshape to {self.shape} leaves more than one dimension open")
        if -1 not in self.shape:
            if prod(self.shape) != x.size:
                raise ModelError(f"Reshape to {self.shape} needs {prod(self.shape)} elements a sample, not {x.size}")
            return Shape(BATCH, *self.shape)
        known = prod(dim for dim in self.shape if dim != -1)
        if known < 1 or x.size % known:
            raise ModelError(f"Reshape to {self.shape} needs a multiple of {known} elements a sample, not {x.size}")
        return Shape(BATCH, *(x.size // known if dim == -1 else dim for dim in self.shape))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Reshape((2, 3, 2)), shapes=((4, 12),))
        yield Sample(op=Reshape((6, 2)), shapes=((3, 2, 3, 2),))
        yield Sample(op=Reshape((1,)), shapes=((1, 1),))
        yield Sample(op=Reshape((2, -1, 2)), shapes=((3, 2, 3, 2),))
        yield Sample(op=Reshape(()), shapes=((3, 1, 1),))
