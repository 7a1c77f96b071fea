"""Operations that only rearrange: each output is one input, and gives its gradient back there."""

import numpy as np

from backproof.engines.kernel import AnyOp, Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays, Shape
from backproof.ops import Permute, Slice, View

Index = tuple[int, ...]


@computes(KERNELS, View)
class ViewKernel(Kernel[View, Call]):
    """The same numbers, in order, under other indices.   The gradient goes back the same way."""

    def forward(self, op: View, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        return x.reshape(op.bound), (x.shape,)

    def backward(self, op: View, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        return (dy.reshape(shape),)


class TakingKernel(Kernel[AnyOp, Call]):
    """y[i] = x[s(i)]   so   ∂L/∂x[j] = Σ dy[i] over all i with s(i) = j."""

    def source(self, op: AnyOp, i: Index, shape: Index) -> Index:
        """s(i), for x of that shape."""
        raise NotImplementedError

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = np.zeros(op.output_shape(Shape(*x.shape)).bind(1), x.dtype)
        for i in np.ndindex(y.shape):
            y[i] = x[self.source(op, i, x.shape)]
        return y, (x.shape,)

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        dx = np.zeros(shape)
        for i in np.ndindex(dy.shape):
            dx[self.source(op, i, shape)] += dy[i]
        return (dx,)


@computes(KERNELS, Permute)
class PermuteKernel(TakingKernel[Permute]):
    """Place i[k] along axis k of y is the place along axis dims[k] of x."""

    def source(self, op: Permute, i: Index, shape: Index) -> Index:
        place = dict(zip(op.axes(len(shape)), i, strict=True))
        return tuple(place[axis] for axis in range(len(shape)))


@computes(KERNELS, Slice)
class SliceKernel(TakingKernel[Slice]):
    """Place i[k] along an axis is the i[k]-th that is taken."""

    def source(self, op: Slice, i: Index, shape: Index) -> Index:
        return tuple(places[k] for places, k in zip(op.ranges(shape), i, strict=True))
