"""Activations."""

from collections.abc import Callable
from math import erf, pi, sqrt
from typing import Any

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
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

ERF = np.frompyfunc(erf, 1, 1)


class ElementWiseKernel(Kernel[Op, Call]):
    """y = f(x)   and   ∂L/∂x = dy f'(x),   element by element."""

    def __init__(self, f: Callable[[Any, Array], Array], df: Callable[[Any, Array], Array]) -> None:
        self.f, self.df = f, df

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        return self.f(op, inputs[0]), inputs

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (dy * self.df(op, saved[0]),)


def sigmoid(x: Array) -> Array:
    """σ(x) = (1 + tanh(x/2)) / 2 for x >= 0, and eˣ / (1 + eˣ) below, which keeps the digits of small values."""
    below = np.exp(np.minimum(x, 0))
    return np.where(x >= 0, (1 + np.tanh(x / 2)) / 2, below / (1 + below))


def softplus(x: Array) -> Array:
    """log(e⁰ + eˣ)."""
    return np.logaddexp(0, x)


def gelu(op: GELU, x: Array) -> Array:
    """x Φ(x), see `phi`."""
    return x * phi(op, x)


def phi(op: GELU, x: Array) -> Array:
    """Φ(x) = (1 + erf(x / √2)) / 2, or its approximation (1 + tanh u) / 2 = σ(2 u)."""
    if op.approximate == "tanh":
        return sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x))
    return (1 + np.asarray(ERF(x / sqrt(2)), np.float64)) / 2


def gelu_slope(op: GELU, x: Array) -> Array:
    """Φ + x Φ'   with   Φ' = e^(-x²/2) / √(2π),   or   σ' (2u)' = 2 Φ (1 - Φ) u'."""
    density = np.exp(-x * x / 2) / sqrt(2 * pi)
    if op.approximate == "tanh":
        P = phi(op, x)
        density = 2 * P * (1 - P) * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x)
    return phi(op, x) + x * density


def silu_slope(op: SiLU, x: Array) -> Array:
    """(x σ)' = σ + x σ (1 - σ)."""
    s = sigmoid(x)
    found: Array = s + x * s * (1 - s)
    return found


def sigmoid_slope(op: Sigmoid, x: Array) -> Array:
    """σ(x) σ(-x)."""
    return sigmoid(x) * sigmoid(-x)


def clip_slope(op: Clip, x: Array) -> Array:
    """0 at the bounds and beyond, else 1, also of NaN."""
    lower, upper = op.bounds
    return np.where((x <= lower) | (x >= upper), 0.0, 1.0)


VECTORISED.update(
    {
        ReLU: ElementWiseKernel(lambda op, x: np.maximum(x, 0), lambda op, x: np.where(x > 0, 1.0, 0.0)),
        LeakyReLU: ElementWiseKernel(
            lambda op, x: np.where(x > 0, x, op.negative_slope * x),
            lambda op, x: np.where(x > 0, 1.0, op.negative_slope),
        ),
        ELU: ElementWiseKernel(
            lambda op, x: np.where(x > 0, x, op.alpha * np.expm1(np.minimum(x, 0))),
            lambda op, x: np.where(x > 0, 1.0, op.alpha * np.exp(np.minimum(x, 0))),
        ),
        Sigmoid: ElementWiseKernel(lambda op, x: sigmoid(x), sigmoid_slope),
        Tanh: ElementWiseKernel(lambda op, x: np.tanh(x), lambda op, x: (1 - np.tanh(x)) * (1 + np.tanh(x))),
        SiLU: ElementWiseKernel(lambda op, x: x * sigmoid(x), silu_slope),
        Softplus: ElementWiseKernel(
            lambda op, x: np.where(op.beta * x > op.threshold, x, softplus(op.beta * x) / op.beta),
            lambda op, x: np.where(op.beta * x > op.threshold, 1.0, sigmoid(op.beta * x)),
        ),
        GELU: ElementWiseKernel(gelu, gelu_slope),
        SELU: ElementWiseKernel(
            lambda op, x: op.scale * np.where(x > 0, x, op.alpha * np.expm1(np.minimum(x, 0))),
            lambda op, x: op.scale * np.where(x > 0, 1.0, op.alpha * np.exp(np.minimum(x, 0))),
        ),
        CELU: ElementWiseKernel(
            lambda op, x: np.where(x > 0, x, op.alpha * np.expm1(np.minimum(x, 0) / op.alpha)),
            lambda op, x: np.exp(np.minimum(x, 0) / op.alpha),
        ),
        Mish: ElementWiseKernel(
            lambda op, x: x * np.tanh(softplus(x)),
            lambda op, x: np.tanh(softplus(x)) + x * sigmoid(x) / np.cosh(np.minimum(softplus(x), 300)) ** 2,
        ),
        Softsign: ElementWiseKernel(lambda op, x: x / (1 + abs(x)), lambda op, x: (1 + abs(x)) ** -2.0),
        Hardsigmoid: ElementWiseKernel(
            lambda op, x: np.clip(op.alpha * x + op.beta, 0, 1),
            lambda op, x: op.alpha * ((op.alpha * x + op.beta > 0) & (op.alpha * x + op.beta < 1)),
        ),
        Hardswish: ElementWiseKernel(
            lambda op, x: x * np.clip(x + 3, 0, 6) / 6,
            lambda op, x: np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, x / 3 + 0.5)),
        ),
        ThresholdedReLU: ElementWiseKernel(
            lambda op, x: np.where(x > op.alpha, x, 0.0), lambda op, x: np.where(x > op.alpha, 1.0, 0.0)
        ),
        Clamp: ElementWiseKernel(
            lambda op, x: np.minimum(np.maximum(x, op.bounds[0]), op.bounds[1]),
            lambda op, x: np.where((op.bounds[0] <= x) & (x <= op.bounds[1]), 1.0, 0.0),
        ),
        Hardtanh: ElementWiseKernel(lambda op, x: np.clip(x, *op.bounds), clip_slope),
        ReLU6: ElementWiseKernel(lambda op, x: np.clip(x, *op.bounds), clip_slope),
    }
)


def log_softmax(x: Array, axis: int) -> Array:
    """z - log Σ eᶻ   with   z = x - max x,   along an axis."""
    z = x - np.max(x, axis, keepdims=True)
    found: Array = z - np.log(np.sum(np.exp(z), axis, keepdims=True))
    return found


@computes(VECTORISED, Softmax)
class SoftmaxKernel(Kernel[Softmax, Call]):
    """y = eˣ / Σ eˣ   and   ∂L/∂x = y (dy - Σ dy y),   along the axis."""

    def forward(self, op: Softmax, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        y = np.exp(log_softmax(inputs[0], op.axis))
        return y, (y,)

    def backward(self, op: Softmax, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (y,) = saved
        return (y * (dy - np.sum(dy * y, op.axis, keepdims=True)),)


@computes(VECTORISED, LogSoftmax)
class LogSoftmaxKernel(Kernel[LogSoftmax, Call]):
    """y = x - log Σ eˣ   and   ∂L/∂x = dy - eʸ Σ dy,   along the axis."""

    def forward(self, op: LogSoftmax, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        y = log_softmax(inputs[0], op.axis)
        return y, (y,)

    def backward(self, op: LogSoftmax, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (y,) = saved
        return (dy - np.exp(y) * np.sum(dy, op.axis, keepdims=True),)
