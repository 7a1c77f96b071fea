"""Operations on several inputs."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Add, Concat, Mul, WeightedSum


@computes(KERNELS, Add)
class AddKernel(Kernel[Add, Call]):
    """y[i] = a[i] + b[i]   so   ∂L/∂a[i] = ∂L/∂b[i] = dy[i]: a sum hands its gradient to all it adds."""

    def forward(self, op: Add, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """a and b of one shape -> y of the same."""
        a, b = inputs
        y = np.zeros(a.shape)
        for i in np.ndindex(a.shape):
            y[i] = a[i] + b[i]
        return y, ()

    def backward(self, op: Add, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> tuple[Array | None, ...]:
        """dy -> da, db, both equal to it."""
        return dy, dy


@computes(KERNELS, Mul)
class MulKernel(Kernel[Mul, Call]):
    """y[i] = a[i] b[i]   so   ∂L/∂a[i] = dy[i] b[i]   and   ∂L/∂b[i] = dy[i] a[i]: each is the other's factor."""

    def forward(self, op: Mul, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """a and b of one shape -> y of the same."""
        a, b = inputs
        y = np.zeros(a.shape)
        for i in np.ndindex(a.shape):
            y[i] = a[i] * b[i]
        return y, (a, b)

    def backward(self, op: Mul, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> tuple[Array | None, ...]:
        """dy -> da, db of the same shape."""
        a, b = saved
        da, db = np.zeros(a.shape), np.zeros(b.shape)
        for i in np.ndindex(dy.shape):
            da[i] = dy[i] * b[i]
            db[i] = dy[i] * a[i]
        return da, db


@computes(KERNELS, Concat)
class ConcatKernel(Kernel[Concat, Call]):
    """y[n, offset + c] = x[n, c], where the offset of an input is the sum of the widths before it.

    ∂L/∂x[n, c] = dy[n, offset + c]: each input gets its own part back.
    """

    def forward(self, op: Concat, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """Each x (N, C, ...) -> y (N, Σ C, ...)."""
        first = inputs[0]
        widths = [x.shape[1] for x in inputs]
        y = np.zeros((first.shape[0], sum(widths), *first.shape[2:]))
        offset = 0
        for x in inputs:
            for n, c, *rest in np.ndindex(x.shape):
                y[n, offset + c, *rest] = x[n, c, *rest]
            offset += x.shape[1]
        return y, (widths,)

    def backward(
        self, op: Concat, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        """dy (N, Σ C, ...) -> each dx (N, C, ...)."""
        (widths,) = saved
        dxs = []
        offset = 0
        for width in widths:
            dx = np.zeros((dy.shape[0], width, *dy.shape[2:]))
            for n, c, *rest in np.ndindex(dx.shape):
                dx[n, c, *rest] = dy[n, offset + c, *rest]
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

    def backward(
        self, op: WeightedSum, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        dxs = tuple(np.zeros(dy.shape) for _ in op.weights)
        for w, dx in zip(op.weights, dxs, strict=True):
            for i in np.ndindex(dy.shape):
                dx[i] = w * dy[i]
        return dxs
