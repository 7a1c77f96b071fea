"""Products of matrices."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from backproof.errors import ModelError
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import Dim, Shape


@operation
@dataclass(frozen=True)
class MatMul(Op):
    """y = a b: matrices in the last two axes, multiplied one by one over the axes before, which are broadcast.

    a: (..., M, K)   b: (..., K, P)   y: (..., M, P), as NumPy's `matmul` and PyTorch's. A vector, (K,), is a matrix of
    one row on the left, of one column on the right, and that axis is not in y.

        da = dy bᵀ     db = aᵀ dy     each summed over where it was broadcast to
    """

    arity: ClassVar[int] = 2

    def output_shape(self, *inputs: Shape) -> Shape:
        a, b = inputs
        if not a or not b or a[-1] != b[-2:][0]:
            raise ModelError(f"MatMul takes (..., M, K) and (..., K, P), not {a} and {b}")
        batch = _broadcast(a[:-2], b[:-2])
        if batch is None:
            raise ModelError(f"MatMul cannot broadcast the axes before the last two of {a} and {b}")
        return Shape(*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=MatMul(), shapes=((2, 3, 4), (2, 4, 2)))
        yield Sample(op=MatMul(), shapes=((2, 2, 3, 4), (2, 2, 4, 3)))
        yield Sample(op=MatMul(), shapes=((4, 3), (3, 2)), constants=(1,))
        yield Sample(op=MatMul(), shapes=((2, 3, 4), (4, 5)), constants=(1,))
        yield Sample(op=MatMul(), shapes=((2, 3), (2, 3, 4)), constants=(0,))
        yield Sample(op=MatMul(), shapes=((2, 1, 3, 2), (3, 2, 1)), constants=(1,))
        yield Sample(op=MatMul(), shapes=((3, 4), (4,)), constants=(1,))
        yield Sample(op=MatMul(), shapes=((3,), (2, 3, 2)), constants=(0,))
        yield Sample(op=MatMul(), shapes=((1, 1, 1), (1, 1, 1)))


def _broadcast(a: tuple[Dim, ...], b: tuple[Dim, ...]) -> tuple[Dim, ...] | None:
    """The shape that both are broadcast to, as NumPy does; None if they do not fit."""
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    if any(one != other and 1 not in (one, other) for one, other in zip(a, b, strict=True)):
        return None
    return tuple(other if one == 1 else one for one, other in zip(a, b, strict=True))
