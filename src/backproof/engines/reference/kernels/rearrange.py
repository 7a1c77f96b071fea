"""Operations that only rearrange: each output is one input, and gives its gradient back there."""

import numpy as np

from backproof.engines.kernel import AnyOp, Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays, Shape
from backproof.ops import Expand, IndexSelect, Permute, Slice, Take, View
from backproof.ops.rearrange import require_places

Index = tuple[int, ...]


@computes(KERNELS, View)
class ViewKernel(Kernel[View, Call]):
    """The same numbers, in order, under other indices.   The gradient goes back the same way."""

    def forward(self, op: View, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        return x.reshape(op.bind(call.samples)), (x.shape,)

    def backward(self, op: View, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        return (dy.reshape(shape),)


class TakingKernel(Kernel[AnyOp, Call]):
    """y[i] = x[s(i)]   so   ∂L/∂x[j] = Σ dy[i] over all i with s(i) = j."""

    def source(self, op: AnyOp, i: Index, shape: Index) -> Index:
        """s(i), for x of that shape."""
        raise NotImplementedError

    def output_shape(self, op: AnyOp, x: Array, call: Call) -> Index:
        """The shape of y."""
        return op.output_shape(Shape(*x.shape)).bind(call.samples)

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = np.zeros(self.output_shape(op, x, call), x.dtype)
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


@computes(KERNELS, Expand)
class ExpandKernel(TakingKernel[Expand]):
    """Any place along an axis that x lacks or has once is the same of x."""

    def output_shape(self, op: Expand, x: Array, call: Call) -> Index:
        return op.bind(x.shape, call.samples)

    def source(self, op: Expand, i: Index, shape: Index) -> Index:
        return tuple(place if size > 1 else 0 for place, size in zip(i[len(i) - len(shape) :], shape, strict=True))


@computes(KERNELS, IndexSelect)
class IndexSelectKernel(TakingKernel[IndexSelect]):
    """Place i[dim] along the axis is the place index[i[dim]] of x."""

    def source(self, op: IndexSelect, i: Index, shape: Index) -> Index:
        axis = op.dim % len(shape)
        return (*i[:axis], op.places(shape[axis])[i[axis]], *i[axis + 1 :])


@computes(KERNELS, Take)
class TakeKernel(Kernel[Take, Call]):
    """y[a, i, b] = x[a, t[i], b]   so   ∂L/∂x[a, j, b] = Σ dy[a, i, b] over all i with t[i] = j."""

    def forward(self, op: Take, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        x, t = inputs
        axis = op.dim % x.ndim
        t = require_places(t, x.shape[axis], call.node)
        y = np.zeros((*x.shape[:axis], *t.shape, *x.shape[axis + 1 :]), x.dtype)
        for i in np.ndindex(t.shape):
            for a in np.ndindex(x.shape[:axis]):
                y[*a, *i] = x[*a, t[i]]
        return y, (x.shape, t)

    def backward(self, op: Take, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        shape, t = saved
        dx = np.zeros(shape)
        for i in np.ndindex(t.shape):
            for a in np.ndindex(shape[: op.dim % len(shape)]):
                dx[*a, t[i]] += dy[*a, *i]
        return dx, None
