"""Activations.

Powers are products: Python's ** raises an error where the product is infinite.
"""

from collections.abc import Callable, Iterator, Mapping
from math import erf, exp, expm1, log, log1p, pi, sqrt, tanh
from typing import Any

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays, Op
from backproof.ops import (
    CELU,
    ELU,
    GELU,
    SELU,
    Clamp,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedReLU,
)
from backproof.ops.activation import Clip


class ElementWiseKernel(Kernel[Op, Call]):
    """y[i] = f(x[i])   and by the chain rule   ∂L/∂x[i] = dy[i] f'(x[i]), where i runs over all elements."""

    def f(self, op: Any, x: float) -> float:
        """The function of one element."""
        raise NotImplementedError

    def df(self, op: Any, x: float, y: float) -> float:
        """Its derivative at x, where y = f(x)."""
        raise NotImplementedError

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            y[i] = self.f(op, float(x[i]))
        return y, (x, y)

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x, y = saved
        dx = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            dx[i] = dy[i] * self.df(op, float(x[i]), float(y[i]))
        return (dx,)


def element_wise(
    rows: Mapping[type[Op], tuple[Callable[[Any, float], float], Callable[[Any, float, float], float]]],
) -> None:
    """Enter kernels: of each operation f(op, x) and f'(op, x, y), y = f(x)."""
    for op, (f, df) in rows.items():
        methods = {"f": staticmethod(f), "df": staticmethod(df)}
        KERNELS[op] = type(f"{op.__name__}Kernel", (ElementWiseKernel,), methods)()


def sigmoid(x: float) -> float:
    """σ(x) = 1 / (1 + e⁻ˣ); for negative x the same as eˣ / (1 + eˣ), which cannot overflow."""
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


def gelu(op: GELU, x: float) -> float:
    """x Φ(x),   Φ(x) = (1 + erf(x / √2)) / 2;   approximately x (1 + tanh u) / 2,   u = √(2/π) (x + 0.044715 x³)."""
    if op.approximate == "tanh":
        return x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x))) / 2
    return x * (1 + erf(x / sqrt(2))) / 2


def gelu_slope(op: GELU, x: float, y: float) -> float:
    """Φ(x) + x φ(x),   φ(x) = e^(-x²/2) / √(2π);   approximately, by the product rule, with u as above,

    (1 + tanh u) / 2 + x (1 - tanh² u) / 2 · √(2/π) (1 + 3 · 0.044715 x²).
    """
    if op.approximate == "tanh":
        t = tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x))
        return (1 + t) / 2 + x * (1 - t**2) / 2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x)
    return (1 + erf(x / sqrt(2))) / 2 + x * exp(-x * x / 2) / sqrt(2 * pi)


def softplus(op: Softplus, x: float) -> float:
    """log(1 + eᶻ) / β with z = β x; x where z > threshold. max(z, 0) + log(1 + e^-|z|) is the same without overflow."""
    z = op.beta * x
    return x if z > op.threshold else (max(z, 0.0) + log1p(exp(-abs(z)))) / op.beta


def bend(x: float) -> float:
    """tanh(log(1 + eˣ)), see `Mish`; max(x, 0) + log(1 + e^-|x|) is the logarithm without overflow."""
    return tanh(max(x, 0.0) + log1p(exp(-abs(x))))


def clip(op: Clip, x: float) -> float:
    """x between the bounds, or the bound that it is beyond."""
    lower, upper = op.bounds
    return min(max(x, lower), upper)


def clip_slope(op: Clip, x: float, y: float) -> float:
    """0 at the bounds and beyond, else 1, also of NaN."""
    lower, upper = op.bounds
    return 0.0 if x <= lower or x >= upper else 1.0


element_wise(
    {
        ReLU: (lambda op, x: max(x, 0.0), lambda op, x, y: 1.0 if x > 0 else 0.0),
        LeakyReLU: (
            lambda op, x: x if x > 0 else op.negative_slope * x,
            lambda op, x, y: 1.0 if x > 0 else op.negative_slope,
        ),
        ELU: (lambda op, x: x if x > 0 else op.alpha * expm1(x), lambda op, x, y: 1.0 if x > 0 else op.alpha * exp(x)),
        Sigmoid: (lambda op, x: sigmoid(x), lambda op, x, y: y * (1 - y)),
        Tanh: (lambda op, x: tanh(x), lambda op, x, y: 1 - y**2),
        SiLU: (lambda op, x: x * sigmoid(x), lambda op, x, y: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
        Softplus: (softplus, lambda op, x, y: 1.0 if op.beta * x > op.threshold else sigmoid(op.beta * x)),
        GELU: (gelu, gelu_slope),
        SELU: (
            lambda op, x: op.scale * (x if x > 0 else op.alpha * expm1(x)),
            lambda op, x, y: op.scale * (1.0 if x > 0 else op.alpha * exp(x)),
        ),
        CELU: (
            lambda op, x: x if x > 0 else op.alpha * expm1(x / op.alpha),
            lambda op, x, y: 1.0 if x > 0 else exp(x / op.alpha),
        ),
        Mish: (lambda op, x: x * bend(x), lambda op, x, y: bend(x) + x * (1 - bend(x) ** 2) * sigmoid(x)),
        Softsign: (lambda op, x: x / (1 + abs(x)), lambda op, x, y: 1 / (1 + abs(x)) / (1 + abs(x))),
        Hardsigmoid: (
            lambda op, x: min(max(op.alpha * x + op.beta, 0.0), 1.0),
            lambda op, x, y: op.alpha if 0 < op.alpha * x + op.beta < 1 else 0.0,
        ),
        Hardswish: (
            lambda op, x: x * min(max(x + 3, 0.0), 6.0) / 6,
            lambda op, x, y: 0.0 if x <= -3 else 1.0 if x >= 3 else x / 3 + 0.5,
        ),
        ThresholdedReLU: (lambda op, x: x if x > op.alpha else 0.0, lambda op, x, y: 1.0 if x > op.alpha else 0.0),
        Clamp: (
            lambda op, x: min(max(x, op.bounds[0]), op.bounds[1]),
            lambda op, x, y: 1.0 if op.bounds[0] <= x <= op.bounds[1] else 0.0,
        ),
        Hardtanh: (clip, clip_slope),
        ReLU6: (clip, clip_slope),
    }
)


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
        (x,) = inputs
        y = np.zeros(x.shape)
        for row in rows(x, op.axis):
            y[row] = [exp(value) for value in log_softmax(x[row])]
        return y, (y,)

    def backward(self, op: Softmax, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
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
        (x,) = inputs
        y = np.zeros(x.shape)
        for row in rows(x, op.axis):
            y[row] = log_softmax(x[row])
        return y, (y,)

    def backward(self, op: LogSoftmax, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (y,) = saved
        dx = np.zeros(y.shape)
        for row in rows(y, op.axis):
            total = sum(dy[row])
            dx[row] = [d - exp(value) * total for d, value in zip(dy[row], y[row], strict=True)]
        return (dx,)
