"""Products of matrices."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from backproof.errors import ModelError
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import Shape
from backproof.ops.broadcasting import broadcast_shapes


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
        batch = broadcast_shapes(self, Shape(*a[:-2]), Shape(*b[:-2]))
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
        yield Sample.of(MatMul(), Shape(3), Shape(3))
        yield Sample.of(MatMul(), Shape("N"), Shape("N", 2))
        yield Sample.of(MatMul(), Shape(2, 3, "N"), Shape(2, "N", 1), batch=3)
        yield Sample.of(MatMul(), Shape("2N", 1, 2, 3), Shape(1, 3, 3, 2))
