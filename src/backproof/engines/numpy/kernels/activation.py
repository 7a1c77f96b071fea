"""Activations. Every one is a few passes in borrowed buffers, and backward needs no more than x or y.

ReLU         y = max(x, 0)                     dx = dy [y > 0]
LeakyReLU    y = x or slope · x                dx = dy · (1 or slope)
Sigmoid      y = σ(x) = 1 / (1 + e⁻ˣ)          dx = dy · y (1 - y)
Tanh         y = tanh x                        dx = dy · (1 - y²)
GELU         y = x Φ(x)                        dx = dy · (Φ(x) + x φ(x))
  tanh       y = x (1 + t) / 2                 dx = dy · (1 + t + x (1 - t²) u') / 2      t = tanh u,  u = k (x + q x³)
SiLU         y = x σ(x)                        dx = dy · σ(x) (1 + x (1 - σ(x)))
Softplus     y = log(1 + e^(β x)) / β or x     dx = dy · (σ(β x) or 1)
ELU          y = x or α (eˣ - 1)               dx = dy · (1 or α eˣ)
SELU         y = λ ELU(x)                      dx = dy · λ (1 or α eˣ)
CELU         y = x or α (e^(x/α) - 1)          dx = dy · (1 or e^(x/α))
Mish         y = x t                           dx = dy · (t + x (1 - t²) σ(x))      t = tanh log(1 + eˣ)
Softsign     y = x / (1 + |x|)                 dx = dy / (1 + |x|)²
Hardsigmoid  y = min(max(α x + β, 0), 1)       dx = dy · α [0 < y < 1]
Hardswish    y = x h,  h in [0, 1]             dx = dy · (x / 6 [0 < h < 1] + h)      h = min(max(x / 6 + 1/2, 0), 1)
Thresholded  y = x or 0                        dx = dy [x > α]
Hardtanh     y = min(max(x, lower), upper)     dx = dy [lower < y < upper]      also ReLU6
Clamp        y = min(max(x, lower), upper)     dx = dy [lower <= x <= upper]
Softmax      y = eˣ / Σ eˣ                     dx = y (dy - Σ dy y)
LogSoftmax   y = x - log Σ eˣ                  dx = dy - eʸ Σ dy
"""

from math import pi, sqrt
from typing import Any, ClassVar, TypeVar

import numpy as np

from backproof.engines.kernel import AnyOp, Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import axis_of
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
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
from backproof.ops.activation import AlongAxis, Clip


class _Activation(NumpyKernel[AnyOp]):
    """y = f(x), and dx from dy and y (or x)."""

    layout: ClassVar = "any"

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        y = call.borrow_output(x.shape)
        self.compute(op, x, y, call)
        return y, (x, y)

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        x, y = saved
        dx = call.borrow_gradient(dy.shape)
        self.differentiate(op, dy, x, y, dx, call)
        return (dx,)

    def compute(self, op: AnyOp, x: Array, y: Array, call: Workspace) -> None:
        """Fill y."""
        raise NotImplementedError

    def differentiate(self, op: AnyOp, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        """Fill dx."""
        raise NotImplementedError


@computes(KERNELS, ReLU)
class ReLUKernel(_Activation[ReLU]):
    """Multiplying by a mask beats every masked assignment."""

    def compute(self, op: ReLU, x: Array, y: Array, call: Workspace) -> None:
        np.maximum(x, 0, out=y)

    def differentiate(self, op: ReLU, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        positive = np.greater(y, 0, out=call.borrow("positive", y.shape, np.bool_))
        np.multiply(dy, positive, out=dx)


@computes(KERNELS, LeakyReLU)
class LeakyReLUKernel(_Activation[LeakyReLU]):
    """The factor, 1 or negative_slope, is worked out once and serves both directions."""

    def compute(self, op: LeakyReLU, x: Array, y: Array, call: Workspace) -> None:
        factor = call.borrow("factor", x.shape)
        np.greater(x, 0, out=factor, casting="unsafe")
        factor *= 1 - op.negative_slope
        factor += op.negative_slope
        np.multiply(x, factor, out=y)

    def differentiate(self, op: LeakyReLU, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        np.multiply(dy, call.borrow("factor", x.shape), out=dx)


def _sigmoid(x: Array, factor: float, out: Array) -> Array:
    """σ(factor · x), through tanh, which does not overflow: 1 / (1 + e⁻ˣ) = (1 + tanh(x / 2)) / 2."""
    np.multiply(x, 0.5 * factor, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out


@computes(KERNELS, Sigmoid)
class SigmoidKernel(_Activation[Sigmoid]):
    """From y alone."""

    def compute(self, op: Sigmoid, x: Array, y: Array, call: Workspace) -> None:
        _sigmoid(x, 1, out=y)

    def differentiate(self, op: Sigmoid, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        np.subtract(1, y, out=dx)
        dx *= y
        dx *= dy


@computes(KERNELS, Tanh)
class TanhKernel(_Activation[Tanh]):
    """NumPy's own tanh."""

    def compute(self, op: Tanh, x: Array, y: Array, call: Workspace) -> None:
        np.tanh(x, out=y)

    def differentiate(self, op: Tanh, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        np.multiply(y, y, out=dx)
        np.subtract(1, dx, out=dx)
        dx *= dy


K, Q = sqrt(2 / pi), 0.044715
"""u = K (x + Q x³), with which (1 + tanh u) / 2 is nearly Φ(x)."""


@computes(KERNELS, GELU)
class GELUKernel(_Activation[GELU]):
    """Backward needs Φ again, which costs as much as all else: training keeps it, unless memory is to be spared."""

    def compute(self, op: GELU, x: Array, y: Array, call: Workspace) -> None:
        keeps = call.mode.training and not call.spares_memory
        two_phi = call.borrow("two_phi", x.shape) if keeps else y
        _two_phi(op, x, out=two_phi)
        np.multiply(two_phi, x, out=y)
        y *= 0.5

    def differentiate(self, op: GELU, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        slope = call.pool.scratch("slope", x.shape)
        if call.mode.training and not call.spares_memory:
            call.ways.add("kept for backward")
            two_phi = call.borrow("two_phi", x.shape)
        else:
            call.ways.add("worked out anew")
            two_phi = dx
            _two_phi(op, x, out=two_phi)
        if op.approximate == "tanh":
            np.subtract(2, two_phi, out=slope)  # 1 - t² = (1 + t) (1 - t) = (1 + t) (2 - (1 + t))
            slope *= two_phi
            slope *= x
            bend = np.multiply(x, x, out=call.pool.scratch("bend", x.shape))
            bend *= 3 * Q * K
            bend += K  # u' = K (1 + 3 Q x²)
            slope *= bend
        else:
            np.multiply(x, x, out=slope)
            slope *= -0.5
            np.exp(slope, out=slope)
            slope *= x
            slope *= 2 / sqrt(2 * pi)
        np.add(two_phi, slope, out=dx)
        dx *= 0.5
        dx *= dy


def _two_phi(op: GELU, x: Array, out: Array) -> None:
    """2Φ(x) = 1 + erf(x / √2), or nearly 1 + tanh u."""
    if op.approximate == "tanh":
        np.multiply(x, x, out=out)
        out *= K * Q
        out += K
        out *= x
        np.tanh(out, out=out)
    else:
        from scipy.special import erf

        np.multiply(x, 1 / sqrt(2), out=out)
        erf(out, out=out)
    out += 1


@computes(KERNELS, SiLU)
class SiLUKernel(_Activation[SiLU]):
    """σ(x) is worked out anew in backward: y / x is none at 0."""

    def compute(self, op: SiLU, x: Array, y: Array, call: Workspace) -> None:
        _sigmoid(x, 1, out=y)
        y *= x

    def differentiate(self, op: SiLU, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        sigma = _sigmoid(x, 1, out=call.pool.scratch("sigma", x.shape))
        np.subtract(x, y, out=dx)
        dx += 1
        dx *= sigma
        dx *= dy


@computes(KERNELS, Softplus)
class SoftplusKernel(_Activation[Softplus]):
    """With z = β x:  log(1 + eᶻ) = max(z, 0) + log(1 + e^-|z|), which cannot overflow."""

    def compute(self, op: Softplus, x: Array, y: Array, call: Workspace) -> None:
        np.abs(x, out=y)
        y *= -op.beta
        np.exp(y, out=y)
        np.log1p(y, out=y)
        bent = np.less_equal(x, op.threshold / op.beta, out=call.borrow("mask", x.shape, np.bool_))
        y *= bent
        y *= 1 / op.beta
        y += np.maximum(x, 0, out=call.pool.scratch("straight", x.shape))

    def differentiate(self, op: Softplus, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        _sigmoid(x, op.beta, out=dx)
        straight = np.greater(x, op.threshold / op.beta, out=call.borrow("mask", x.shape, np.bool_))
        np.maximum(dx, straight, out=dx)
        dx *= dy


@computes(KERNELS, ELU)
class ELUKernel(_Activation[ELU]):
    """Both branches at once: one of max(x, 0) and min(x, 0) is 0."""

    def compute(self, op: ELU, x: Array, y: Array, call: Workspace) -> None:
        np.minimum(x, 0, out=y)
        np.expm1(y, out=y)
        y *= op.alpha
        y += np.maximum(x, 0, out=call.pool.scratch("positive", x.shape))

    def differentiate(self, op: ELU, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        np.minimum(x, 0, out=dx)
        np.exp(dx, out=dx)
        factor = call.pool.scratch("factor", x.shape)
        np.greater(x, 0, out=factor, casting="unsafe")
        factor *= 1 - op.alpha
        factor += op.alpha
        dx *= factor
        dx *= dy


@computes(KERNELS, SELU)
class SELUKernel(ELUKernel):
    """ELU, times the scale."""

    def compute(self, op: Any, x: Array, y: Array, call: Workspace) -> None:
        super().compute(op, x, y, call)
        y *= op.scale

    def differentiate(self, op: Any, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        super().differentiate(op, dy, x, y, dx, call)
        dx *= op.scale


@computes(KERNELS, CELU)
class CELUKernel(_Activation[CELU]):
    """Both branches at once, as ELU."""

    def compute(self, op: CELU, x: Array, y: Array, call: Workspace) -> None:
        np.minimum(x, 0, out=y)
        y *= 1 / op.alpha
        np.expm1(y, out=y)
        y *= op.alpha
        y += np.maximum(x, 0, out=call.pool.scratch("positive", x.shape))

    def differentiate(self, op: CELU, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        np.minimum(x, 0, out=dx)
        dx *= 1 / op.alpha
        np.exp(dx, out=dx)
        dx *= dy


@computes(KERNELS, Mish)
class MishKernel(_Activation[Mish]):
    """What backward needs it works out anew."""

    def compute(self, op: Mish, x: Array, y: Array, call: Workspace) -> None:
        self._bend(x, y, call)
        y *= x

    def differentiate(self, op: Mish, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        t = self._bend(x, call.pool.scratch("bend", x.shape), call)
        sigma = _sigmoid(x, 1, out=call.pool.scratch("sigma", x.shape))
        np.multiply(t, t, out=dx)
        np.subtract(1, dx, out=dx)
        dx *= sigma
        dx *= x
        dx += t
        dx *= dy

    @staticmethod
    def _bend(x: Array, out: Array, call: Workspace) -> Array:
        """tanh(max(x, 0) + log(1 + e^-|x|)), in which nothing overflows."""
        np.abs(x, out=out)
        np.negative(out, out=out)
        np.exp(out, out=out)
        np.log1p(out, out=out)
        out += np.maximum(x, 0, out=call.pool.scratch("positive", x.shape))
        np.tanh(out, out=out)
        return out


@computes(KERNELS, Softsign)
class SoftsignKernel(_Activation[Softsign]):
    """Three passes, and three back."""

    def compute(self, op: Softsign, x: Array, y: Array, call: Workspace) -> None:
        np.abs(x, out=y)
        y += 1
        np.divide(x, y, out=y)

    def differentiate(self, op: Softsign, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        np.abs(x, out=dx)
        dx += 1
        dx *= dx
        np.divide(dy, dx, out=dx)


@computes(KERNELS, Hardsigmoid)
class HardsigmoidKernel(_Activation[Hardsigmoid]):
    """A straight line between two bounds."""

    def compute(self, op: Hardsigmoid, x: Array, y: Array, call: Workspace) -> None:
        np.multiply(x, op.alpha, out=y)
        y += op.beta
        np.maximum(y, 0, out=y)
        np.minimum(y, 1, out=y)

    def differentiate(self, op: Hardsigmoid, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        _between(y, call, out=dx)
        dx *= op.alpha
        dx *= dy


def _between(h: Array, call: Workspace, out: Array) -> None:
    """1 where 0 < h < 1, else 0."""
    inside = np.greater(h, 0, out=call.borrow("mask", h.shape, np.bool_))
    inside &= np.less(h, 1, out=call.pool.mask(h.shape))
    out[...] = inside


@computes(KERNELS, Hardswish)
class HardswishKernel(_Activation[Hardswish]):
    """h is worked out anew in backward: y / x is none at 0."""

    def compute(self, op: Hardswish, x: Array, y: Array, call: Workspace) -> None:
        self._share(x, out=y)
        y *= x

    def differentiate(self, op: Hardswish, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        h = self._share(x, out=call.pool.scratch("share", x.shape))
        _between(h, call, out=dx)
        dx *= x
        dx *= 1 / 6
        dx += h
        dx *= dy

    @staticmethod
    def _share(x: Array, out: Array) -> Array:
        """h = min(max(x + 3, 0), 6) / 6."""
        np.add(x, 3, out=out)
        np.maximum(out, 0, out=out)
        np.minimum(out, 6, out=out)
        out *= 1 / 6
        return out


@computes(KERNELS, ThresholdedReLU)
class ThresholdedReLUKernel(_Activation[ThresholdedReLU]):
    """Assigned where x is small, not multiplied by 0, which of -∞ makes no number."""

    def compute(self, op: ThresholdedReLU, x: Array, y: Array, call: Workspace) -> None:
        np.copyto(y, x)
        np.copyto(y, 0, where=np.less_equal(x, op.alpha, out=call.pool.mask(x.shape)))

    def differentiate(self, op: ThresholdedReLU, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        np.multiply(dy, np.greater(x, op.alpha, out=call.pool.mask(x.shape)), out=dx)


AnyBounded = TypeVar("AnyBounded", Clamp, Clip)


class _BoundedKernel(_Activation[AnyBounded]):
    """As ReLU, with two bounds."""

    def compute(self, op: AnyBounded, x: Array, y: Array, call: Workspace) -> None:
        lower, upper = op.bounds
        np.maximum(x, lower, out=y)
        np.minimum(y, upper, out=y)


@computes(KERNELS, Clamp)
class ClampKernel(_BoundedKernel[Clamp]):
    """With the whole gradient at the bounds."""

    def differentiate(self, op: Clamp, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        lower, upper = op.bounds
        inside = np.greater_equal(x, lower, out=call.borrow("mask", x.shape, np.bool_))
        inside &= np.less_equal(x, upper, out=call.pool.mask(x.shape))
        np.multiply(dy, inside, out=dx)


@computes(KERNELS, Hardtanh)
@computes(KERNELS, ReLU6)
class ClipKernel(_BoundedKernel[Clip]):
    """With no gradient at the bounds, as ReLU has none."""

    def differentiate(self, op: Clip, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        """At a NaN, which is neither below nor above, dx = dy, as PyTorch's."""
        lower, upper = op.bounds
        outside = np.less_equal(y, lower, out=call.borrow("mask", y.shape, np.bool_))
        outside |= np.greater_equal(y, upper, out=call.pool.mask(y.shape))
        np.multiply(dy, np.logical_not(outside, out=outside), out=dx)


def _row(op: AlongAxis, x: Array, call: Workspace) -> tuple[int, Array]:
    """The axis that is normalised, and room for a number of each row along it."""
    call.ways.add("channels last" if call.output_turned else "canonical")
    axis = axis_of(op.axis, x.ndim, call.output_turned)
    return axis, call.borrow("row", tuple(1 if i == axis + x.ndim else size for i, size in enumerate(x.shape)))


@computes(KERNELS, Softmax)
class SoftmaxKernel(_Activation[Softmax]):
    """The row's largest input is taken off first, so that nothing overflows."""

    def compute(self, op: Softmax, x: Array, y: Array, call: Workspace) -> None:
        axis, row = _row(op, x, call)
        np.subtract(x, np.max(x, axis=axis, keepdims=True, out=row), out=y)
        np.exp(y, out=y)
        np.divide(y, np.sum(y, axis=axis, keepdims=True, out=row), out=y)

    def differentiate(self, op: Softmax, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        np.multiply(dy, y, out=dx)
        axis, row = _row(op, x, call)
        np.subtract(dy, np.sum(dx, axis=axis, keepdims=True, out=row), out=dx)
        dx *= y


@computes(KERNELS, LogSoftmax)
class LogSoftmaxKernel(_Activation[LogSoftmax]):
    """The row's largest input is taken off first, so that nothing overflows."""

    def compute(self, op: LogSoftmax, x: Array, y: Array, call: Workspace) -> None:
        axis, row = _row(op, x, call)
        np.subtract(x, np.max(x, axis=axis, keepdims=True, out=row), out=y)
        exponentials = np.exp(y, out=call.pool.scratch("softmax", x.shape))
        np.sum(exponentials, axis=axis, keepdims=True, out=row)
        np.log(row, out=row)
        y -= row

    def differentiate(self, op: LogSoftmax, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        axis, row = _row(op, x, call)
        np.sum(dy, axis=axis, keepdims=True, out=row)
        np.exp(y, out=dx)
        dx *= row
        np.subtract(dy, dx, out=dx)
