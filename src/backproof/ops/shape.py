"""Operations that only rearrange."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from backproof.errors import ModelError
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import Shape


def _of_sample(op: Op, x: Shape) -> tuple[int, ...]:
    """The dimensions of one sample. Raises `UserError` where x is not (N, ...); N may be any number, too."""
    if not x or Shape(*x[1:]).has_batch:
        raise ModelError(f"{type(op).__name__} takes an input of shape (N, ...), not {x}")
    return Shape(*x[1:]).per_sample


@operation
@dataclass(frozen=True)
class Flatten(Op):
    """(N, C, H, W) -> (N, C·H·W), last index fastest."""

    def output_shape(self, *inputs: Shape) -> Shape:
        return Shape(inputs[0][0], prod(_of_sample(self, *inputs)))

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
        batch, size = inputs[0][:1], prod(_of_sample(self, *inputs))
        if self.shape.count(-1) > 1:
            raise ModelError(f"Reshape to {self.shape} leaves more than one dimension open")
        if -1 not in self.shape:
            if prod(self.shape) != size:
                raise ModelError(f"Reshape to {self.shape} needs {prod(self.shape)} elements a sample, not {size}")
            return Shape(*batch, *self.shape)
        known = prod(dim for dim in self.shape if dim != -1)
        if known < 1 or size % known:
            raise ModelError(f"Reshape to {self.shape} needs a multiple of {known} elements a sample, not {size}")
        return Shape(*batch, *(size // known if dim == -1 else dim for dim in self.shape))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Reshape((2, 3, 2)), shapes=((4, 12),))
        yield Sample(op=Reshape((6, 2)), shapes=((3, 2, 3, 2),))
        yield Sample(op=Reshape((1,)), shapes=((1, 1),))
        yield Sample(op=Reshape((2, -1, 2)), shapes=((3, 2, 3, 2),))
        yield Sample(op=Reshape(()), shapes=((3, 1, 1),))
