"""Operations on several inputs."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Add, Concat, Mul, WeightedSum

Index = tuple[int, ...]


def at(i: Index, x: Array) -> Index:
    """The index in x of what meets the output's element i: what x lacks or has once serves all."""
    return tuple(place if size > 1 else 0 for place, size in zip(i[len(i) - x.ndim :], x.shape, strict=True))


def summed(d: Array, x: Array) -> Array:
    """What is broadcast meets many elements of y, and its gradient is the sum of what each gives."""
    if d.shape == x.shape:
        return d
    dx = np.zeros(x.shape)
    for i in np.ndindex(d.shape):
        dx[at(i, x)] += d[i]
    return dx


@computes(KERNELS, Add)
class AddKernel(Kernel[Add, Call]):
    """y[i] = a[i] + b[i]   so   ∂L/∂a[i] = ∂L/∂b[i] = dy[i]: a sum hands its gradient to all it adds."""

    def forward(self, op: Add, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        a, b = inputs
        y = np.zeros(a.shape if a.ndim >= b.ndim else b.shape)
        for i in np.ndindex(y.shape):
            y[i] = a[at(i, a)] + b[at(i, b)]
        return y, (a, b)

    def backward(self, op: Add, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        a, b = saved
        return summed(dy, a), summed(dy, b)


@computes(KERNELS, Mul)
class MulKernel(Kernel[Mul, Call]):
    """y[i] = a[i] b[i]   so   ∂L/∂a[i] = dy[i] b[i]   and   ∂L/∂b[i] = dy[i] a[i]: each is the other's factor."""

    def forward(self, op: Mul, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        a, b = inputs
        y = np.zeros(a.shape if a.ndim >= b.ndim else b.shape)
        for i in np.ndindex(y.shape):
            y[i] = a[at(i, a)] * b[at(i, b)]
        return y, (a, b)

    def backward(self, op: Mul, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        a, b = saved
        da, db = np.zeros(dy.shape), np.zeros(dy.shape)
        for i in np.ndindex(dy.shape):
            da[i] = dy[i] * b[at(i, b)]
            db[i] = dy[i] * a[at(i, a)]
        return summed(da, a), summed(db, b)


@computes(KERNELS, Concat)
class ConcatKernel(Kernel[Concat, Call]):
    """y[..., offset + c, ...] = x[..., c, ...], where the offset of an input is the sum of the widths before it.

    c counts along the axis.   ∂L/∂x[..., c, ...] = dy[..., offset + c, ...]: each input gets its own part back.
    """

    @staticmethod
    def moved(i: Index, axis: int, offset: int) -> Index:
        """Where the element i of an input with that offset stands in y."""
        return tuple(place + offset if k == axis else place for k, place in enumerate(i))

    def forward(self, op: Concat, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        first = inputs[0]
        axis = op.axis % first.ndim
        widths = [x.shape[axis] for x in inputs]
        y = np.zeros((*first.shape[:axis], sum(widths), *first.shape[axis + 1 :]), first.dtype)
        offset = 0
        for x, width in zip(inputs, widths, strict=True):
            for i in np.ndindex(x.shape):
                y[self.moved(i, axis, offset)] = x[i]
            offset += width
        return y, (widths,)

    def backward(self, op: Concat, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (widths,) = saved
        axis = op.axis % dy.ndim
        dxs = []
        offset = 0
        for width in widths:
            dx = np.zeros((*dy.shape[:axis], width, *dy.shape[axis + 1 :]))
            for i in np.ndindex(dx.shape):
                dx[i] = dy[self.moved(i, axis, offset)]
            dxs.append(dx)
            offset += width
        return tuple(dxs)


@computes(KERNELS, WeightedSum)
class WeightedSumKernel(Kernel[WeightedSum, Call]):
    """y[i] = Σₖ w[k] xₖ[i]   so   ∂L/∂xₖ[i] = w[k] dy[i]."""

    def forward(self, op: WeightedSum, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        y = np.zeros(inputs[0].shape)
        for w, x in zip(op.weights, inputs, strict=True):
            for i in np.ndindex(y.shape):
                y[i] += w * x[i]
        return y, ()

    def backward(self, op: WeightedSum, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        dxs = tuple(np.zeros(dy.shape) for _ in op.weights)
        for w, dx in zip(op.weights, dxs, strict=True):
            for i in np.ndindex(dy.shape):
                dx[i] = w * dy[i]
        return dxs
