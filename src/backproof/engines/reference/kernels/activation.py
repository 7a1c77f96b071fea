"""Activations."""

from collections.abc import Iterator
from math import exp, log, tanh

import numpy as np

from backproof.engines.kernel import AnyOp, Call, Kernel, Saved, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh


class ElementWiseKernel(Kernel[AnyOp, Call]):
    """y[i] = f(x[i])   and by the chain rule   ∂L/∂x[i] = dy[i] f'(x[i]), where i runs over all elements."""

    def f(self, op: AnyOp, x: float) -> float:
        """The function of one element."""
        raise NotImplementedError

    def df(self, op: AnyOp, x: float, y: float) -> float:
        """Its derivative at x, where y = f(x)."""
        raise NotImplementedError

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """x of any shape -> y of the same."""
        (x,) = inputs
        y = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            y[i] = self.f(op, float(x[i]))
        return y, (x, y)

    def backward(
        self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        """dy -> dx of the same shape."""
        x, y = saved
        dx = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            dx[i] = dy[i] * self.df(op, float(x[i]), float(y[i]))
        return (dx,)


@computes(KERNELS, ReLU)
class ReLUKernel(ElementWiseKernel[ReLU]):
    """f(x) = max(x, 0)   f'(x) = 1 where x > 0, else 0."""

    def f(self, op: ReLU, x: float) -> float:
        """max(x, 0)."""
        return max(x, 0.0)

    def df(self, op: ReLU, x: float, y: float) -> float:
        """1 or 0; 0 at the kink."""
        return 1.0 if x > 0 else 0.0


@computes(KERNELS, LeakyReLU)
class LeakyReLUKernel(ElementWiseKernel[LeakyReLU]):
    """f(x) = x where x > 0, else s x   f'(x) = 1 where x > 0, else s."""

    def f(self, op: LeakyReLU, x: float) -> float:
        """x or s x."""
        return x if x > 0 else op.negative_slope * x

    def df(self, op: LeakyReLU, x: float, y: float) -> float:
        """1 or s; s at the kink."""
        return 1.0 if x > 0 else op.negative_slope


@computes(KERNELS, Sigmoid)
class SigmoidKernel(ElementWiseKernel[Sigmoid]):
    """f(x) = 1 / (1 + e⁻ˣ)   f'(x) = y (1 - y)."""

    def f(self, op: Sigmoid, x: float) -> float:
        """For negative x the same as eˣ / (1 + eˣ), which cannot overflow."""
        return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))

    def df(self, op: Sigmoid, x: float, y: float) -> float:
        """y (1 - y)."""
        return y * (1 - y)


@computes(KERNELS, Tanh)
class TanhKernel(ElementWiseKernel[Tanh]):
    """f(x) = tanh x   f'(x) = 1 - y²."""

    def f(self, op: Tanh, x: float) -> float:
        """tanh x."""
        return tanh(x)

    def df(self, op: Tanh, x: float, y: float) -> float:
        """1 - y²."""
        return 1 - y**2


def rows(x: Array) -> Iterator[tuple[int | slice, ...]]:
    """The index of every vector along axis 1, the classes: (n, :, h, w) for images."""
    for n, *rest in np.ndindex(x.shape[0], *x.shape[2:]):
        yield (n, slice(None), *rest)


def log_sum_exp(x: Array) -> float:
    """log Σ e^x[c] = max + log Σ e^(x[c] - max): the same number, but no term can overflow."""
    top = float(max(x))
    return top + log(sum(exp(value - top) for value in x))


@computes(KERNELS, Softmax)
class SoftmaxKernel(Kernel[Softmax, Call]):
    """y[c] = e^x[c] / Σₖ e^x[k]   along the classes.

    ∂y[k]/∂x[c] = y[k] (δ[k,c] - y[c]), so

        ∂L/∂x[c] = Σₖ dy[k] ∂y[k]/∂x[c] = y[c] (dy[c] - Σₖ dy[k] y[k])
    """

    def forward(self, op: Softmax, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """x (N, C, ...) -> y of the same shape."""
        (x,) = inputs
        y = np.zeros(x.shape)
        for row in rows(x):
            total = log_sum_exp(x[row])
            y[row] = [exp(value - total) for value in x[row]]
        return y, (y,)

    def backward(
        self, op: Softmax, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        """dy -> dx of the same shape."""
        (y,) = saved
        dx = np.zeros(y.shape)
        for row in rows(y):
            mean = sum(d * value for d, value in zip(dy[row], y[row], strict=True))
            dx[row] = [value * (d - mean) for d, value in zip(dy[row], y[row], strict=True)]
        return (dx,)


@computes(KERNELS, LogSoftmax)
class LogSoftmaxKernel(Kernel[LogSoftmax, Call]):
    """y[c] = x[c] - log Σₖ e^x[k]   along the classes.

    ∂y[k]/∂x[c] = δ[k,c] - e^y[c], so

        ∂L/∂x[c] = dy[c] - e^y[c] Σₖ dy[k]
    """

    def forward(self, op: LogSoftmax, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """x (N, C, ...) -> y of the same shape."""
        (x,) = inputs
        y = np.zeros(x.shape)
        for row in rows(x):
            total = log_sum_exp(x[row])
            y[row] = [value - total for value in x[row]]
        return y, (y,)

    def backward(
        self, op: LogSoftmax, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        """dy -> dx of the same shape."""
        (y,) = saved
        dx = np.zeros(y.shape)
        for row in rows(y):
            total = sum(dy[row])
            dx[row] = [d - exp(value) * total for d, value in zip(dy[row], y[row], strict=True)]
        return (dx,)
