"""Activations."""

from collections.abc import Iterator
from math import erf, exp, expm1, log, log1p, pi, sqrt, tanh

import numpy as np

from backproof.engines.kernel import AnyOp, Call, Kernel, Saved, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import (
    ELU,
    GELU,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from backproof.ops.activation import Clip


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


def sigmoid(x: float) -> float:
    """1 / (1 + e⁻ˣ); for negative x the same as eˣ / (1 + eˣ), which cannot overflow."""
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


@computes(KERNELS, Sigmoid)
class SigmoidKernel(ElementWiseKernel[Sigmoid]):
    """f(x) = 1 / (1 + e⁻ˣ)   f'(x) = y (1 - y)."""

    def f(self, op: Sigmoid, x: float) -> float:
        """1 / (1 + e⁻ˣ)."""
        return sigmoid(x)

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


@computes(KERNELS, GELU)
class GELUKernel(ElementWiseKernel[GELU]):
    """f(x) = x Φ(x)   f'(x) = Φ(x) + x φ(x),   where   Φ(x) = (1 + erf(x / √2)) / 2   and   φ(x) = e^(-x²/2) / √(2π).

    Approximately, with u = √(2/π) (x + 0.044715 x³):   f(x) = x (1 + tanh u) / 2   and by the product rule

        f'(x) = (1 + tanh u) / 2 + x (1 - tanh² u) / 2 · √(2/π) (1 + 3 · 0.044715 x²)
    """

    def f(self, op: GELU, x: float) -> float:
        """x Φ(x)."""
        if op.approximate == "tanh":
            return x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2
        return x * (1 + erf(x / sqrt(2))) / 2

    def df(self, op: GELU, x: float, y: float) -> float:
        """Φ(x) + x φ(x)."""
        if op.approximate == "tanh":
            t = tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))
            return (1 + t) / 2 + x * (1 - t**2) / 2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * x**2)
        return (1 + erf(x / sqrt(2))) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * pi)


@computes(KERNELS, SiLU)
class SiLUKernel(ElementWiseKernel[SiLU]):
    """f(x) = x σ(x)   f'(x) = σ(x) + x σ(x) (1 - σ(x))   with   σ(x) = 1 / (1 + e⁻ˣ)."""

    def f(self, op: SiLU, x: float) -> float:
        """x σ(x)."""
        return x * sigmoid(x)

    def df(self, op: SiLU, x: float, y: float) -> float:
        """σ(x) (1 + x (1 - σ(x)))."""
        return sigmoid(x) * (1 + x * (1 - sigmoid(x)))


@computes(KERNELS, Softplus)
class SoftplusKernel(ElementWiseKernel[Softplus]):
    """f(x) = log(1 + e^(β x)) / β   f'(x) = e^(β x) / (1 + e^(β x)) = σ(β x);   x and 1 where β x > threshold."""

    def f(self, op: Softplus, x: float) -> float:
        """log(1 + eᶻ) = max(z, 0) + log(1 + e^-|z|): the same number, but it cannot overflow."""
        z = op.beta * x
        return x if z > op.threshold else (max(z, 0.0) + log1p(exp(-abs(z)))) / op.beta

    def df(self, op: Softplus, x: float, y: float) -> float:
        """σ(β x) or 1."""
        return 1.0 if op.beta * x > op.threshold else sigmoid(op.beta * x)


@computes(KERNELS, ELU)
class ELUKernel(ElementWiseKernel[ELU]):
    """f(x) = x where x > 0, else α (eˣ - 1)   f'(x) = 1 where x > 0, else α eˣ."""

    def f(self, op: ELU, x: float) -> float:
        """x or α (eˣ - 1)."""
        return x if x > 0 else op.alpha * expm1(x)

    def df(self, op: ELU, x: float, y: float) -> float:
        """1 or α eˣ; α at the bend."""
        return 1.0 if x > 0 else op.alpha * exp(x)


@computes(KERNELS, Hardtanh)
@computes(KERNELS, ReLU6)
class ClipKernel(ElementWiseKernel[Clip]):
    """f(x) = min(max(x, lower), upper)   f'(x) = 1 where lower < x < upper, else 0."""

    def f(self, op: Clip, x: float) -> float:
        """x, or the bound that it is beyond."""
        lower, upper = op.bounds
        return min(max(x, lower), upper)

    def df(self, op: Clip, x: float, y: float) -> float:
        """1 or 0; 0 at the kinks."""
        lower, upper = op.bounds
        return 1.0 if lower < x < upper else 0.0


def rows(x: Array, axis: int) -> Iterator[tuple[int | slice, ...]]:
    """The index of every vector along an axis: of axis 1, (n, :, h, w) for images."""
    axis %= x.ndim
    for i in np.ndindex(*x.shape[:axis], *x.shape[axis + 1 :]):
        yield (*i[:axis], slice(None), *i[axis:])


def log_softmax(x: Array) -> list[float]:
    """log (e^x[c] / Σ e^x[k]) = z[c] - log Σ e^z[k]   with   z = x - max x: no term overflows, and no digit is lost."""
    top = float(max(x))
    z = [float(value) - top for value in x]
    total = log(sum(exp(value) for value in z))
    return [value - total for value in z]


@computes(KERNELS, Softmax)
class SoftmaxKernel(Kernel[Softmax, Call]):
    """y[c] = e^x[c] / Σₖ e^x[k]   along the axis.

    ∂y[k]/∂x[c] = y[k] (δ[k,c] - y[c]), so

        ∂L/∂x[c] = Σₖ dy[k] ∂y[k]/∂x[c] = y[c] (dy[c] - Σₖ dy[k] y[k])
    """

    def forward(self, op: Softmax, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """x (N, C, ...) -> y of the same shape."""
        (x,) = inputs
        y = np.zeros(x.shape)
        for row in rows(x, op.axis):
            y[row] = [exp(value) for value in log_softmax(x[row])]
        return y, (y,)

    def backward(
        self, op: Softmax, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        """dy -> dx of the same shape."""
        (y,) = saved
        dx = np.zeros(y.shape)
        for row in rows(y, op.axis):
            mean = sum(d * value for d, value in zip(dy[row], y[row], strict=True))
            dx[row] = [value * (d - mean) for d, value in zip(dy[row], y[row], strict=True)]
        return (dx,)


@computes(KERNELS, LogSoftmax)
class LogSoftmaxKernel(Kernel[LogSoftmax, Call]):
    """y[c] = x[c] - log Σₖ e^x[k]   along the axis.

    ∂y[k]/∂x[c] = δ[k,c] - e^y[c], so

        ∂L/∂x[c] = dy[c] - e^y[c] Σₖ dy[k]
    """

    def forward(self, op: LogSoftmax, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """x (N, C, ...) -> y of the same shape."""
        (x,) = inputs
        y = np.zeros(x.shape)
        for row in rows(x, op.axis):
            y[row] = log_softmax(x[row])
        return y, (y,)

    def backward(
        self, op: LogSoftmax, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        """dy -> dx of the same shape."""
        (y,) = saved
        dx = np.zeros(y.shape)
        for row in rows(y, op.axis):
            total = sum(dy[row])
            dx[row] = [d - exp(value) * total for d, value in zip(dy[row], y[row], strict=True)]
        return (dx,)
