"""Operations on several inputs."""

import numpy as np

from backproof.engines.kernel import AnyOp, Call, Kernel, Saved, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Add, Concat, Mul, WeightedSum

Index = tuple[int, ...]


def at(i: Index, x: Array) -> Index:
    """The index in x of what meets the output's element i: what x lacks or has once serves all."""
    return tuple(place if size > 1 else 0 for place, size in zip(i[len(i) - x.ndim :], x.shape, strict=True))


class PairKernel(Kernel[AnyOp, Call]):
    """y[i] = f(a[i], b[i])   so   ∂L/∂a[i] = dy[i] ∂f/∂a,   ∂L/∂b[i] = dy[i] ∂f/∂b.

    What is broadcast meets many elements of y, and its gradient is the sum of what each gives.
    """

    def f(self, a: float, b: float) -> float:
        """The function of two elements."""
        raise NotImplementedError

    def df(self, a: float, b: float) -> tuple[float, float]:
        """∂f/∂a and ∂f/∂b."""
        raise NotImplementedError

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        a, b = inputs
        y = np.zeros(a.shape if a.ndim >= b.ndim else b.shape)
        for i in np.ndindex(y.shape):
            y[i] = self.f(a[at(i, a)], b[at(i, b)])
        return y, (a, b)

    def backward(
        self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        a, b = saved
        da, db = np.zeros(a.shape), np.zeros(b.shape)
        for i in np.ndindex(dy.shape):
            slope_a, slope_b = self.df(a[at(i, a)], b[at(i, b)])
            da[at(i, a)] += dy[i] * slope_a
            db[at(i, b)] += dy[i] * slope_b
        return da, db


@computes(KERNELS, Add)
class AddKernel(PairKernel[Add]):
    """f = a + b: a sum hands its gradient to all it adds."""

    def f(self, a: float, b: float) -> float:
        return a + b

    def df(self, a: float, b: float) -> tuple[float, float]:
        return 1.0, 1.0


@computes(KERNELS, Mul)
class MulKernel(PairKernel[Mul]):
    """f = a b: each is the other's factor."""

    def f(self, a: float, b: float) -> float:
        return a * b

    def df(self, a: float, b: float) -> tuple[float, float]:
        return b, a


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
