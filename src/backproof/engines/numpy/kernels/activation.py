"""Activations. Every one is a few passes in lent buffers, and backward needs no more than x or y.

ReLU         y = max(x, 0)             dx = dy [y > 0]
LeakyReLU    y = x or slope · x        dx = dy · (1 or slope)
Sigmoid      y = 1 / (1 + e⁻ˣ)         dx = dy · y (1 - y)
Tanh         y = tanh x                dx = dy · (1 - y²)
Softmax      y = eˣ / Σ eˣ             dx = y (dy - Σ dy y)
LogSoftmax   y = x - log Σ eˣ          dx = dy - eʸ Σ dy
"""

import numpy as np

from backproof.engines.kernel import AnyOp, Saved, computes
from backproof.engines.numpy.buffers import Lender
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.graph import Array, Arrays
from backproof.ops import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh


class _Activation(NumpyKernel[AnyOp]):
    """y = f(x), and dx from dy and y (or x)."""

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Lender) -> tuple[Array, Saved]:
        """y = f(x)."""
        (x,) = inputs
        y = call.lend("y", x.shape)
        self.compute(op, x, y, call)
        return y, (x, y)

    def backward(
        self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Lender
    ) -> tuple[Array | None, ...]:
        """dx, if anybody wants it."""
        if not call.wants[0]:
            return (None,)
        x, y = saved
        dx = call.lend("dx", dy.shape)
        self.differentiate(op, dy, x, y, dx, call)
        return (dx,)

    def compute(self, op: AnyOp, x: Array, y: Array, call: Lender) -> None:
        """Fill y."""
        raise NotImplementedError

    def differentiate(self, op: AnyOp, dy: Array, x: Array, y: Array, dx: Array, call: Lender) -> None:
        """Fill dx."""
        raise NotImplementedError


@computes(KERNELS, ReLU)
class ReLUKernel(_Activation[ReLU]):
    """Multiplying by a mask beats every masked assignment."""

    def compute(self, op: ReLU, x: Array, y: Array, call: Lender) -> None:
        """y = max(x, 0)."""
        np.maximum(x, 0, out=y)

    def differentiate(self, op: ReLU, dy: Array, x: Array, y: Array, dx: Array, call: Lender) -> None:
        """dx = dy [y > 0]."""
        positive = np.greater(y, 0, out=call.lend("positive", y.shape, np.bool_))
        np.multiply(dy, positive, out=dx)


@computes(KERNELS, LeakyReLU)
class LeakyReLUKernel(_Activation[LeakyReLU]):
    """The factor, 1 or negative_slope, is worked out once and serves both directions."""

    def compute(self, op: LeakyReLU, x: Array, y: Array, call: Lender) -> None:
        """y = x · factor,   factor = slope + (1 - slope) [x > 0]."""
        factor = call.lend("factor", x.shape)
        np.greater(x, 0, out=factor, casting="unsafe")
        factor *= 1 - op.negative_slope
        factor += op.negative_slope
        np.multiply(x, factor, out=y)

    def differentiate(self, op: LeakyReLU, dy: Array, x: Array, y: Array, dx: Array, call: Lender) -> None:
        """dx = dy · factor."""
        np.multiply(dy, call.lend("factor", x.shape), out=dx)


@computes(KERNELS, Sigmoid)
class SigmoidKernel(_Activation[Sigmoid]):
    """Through tanh, which does not overflow: 1 / (1 + e⁻ˣ) = (1 + tanh(x / 2)) / 2."""

    def compute(self, op: Sigmoid, x: Array, y: Array, call: Lender) -> None:
        """y = (1 + tanh(x / 2)) / 2."""
        np.multiply(x, 0.5, out=y)
        np.tanh(y, out=y)
        y += 1
        y *= 0.5

    def differentiate(self, op: Sigmoid, dy: Array, x: Array, y: Array, dx: Array, call: Lender) -> None:
        """dx = dy · y (1 - y)."""
        np.subtract(1, y, out=dx)
        dx *= y
        dx *= dy


@computes(KERNELS, Tanh)
class TanhKernel(_Activation[Tanh]):
    """NumPy's own tanh."""

    def compute(self, op: Tanh, x: Array, y: Array, call: Lender) -> None:
        """y = tanh x."""
        np.tanh(x, out=y)

    def differentiate(self, op: Tanh, dy: Array, x: Array, y: Array, dx: Array, call: Lender) -> None:
        """dx = dy · (1 - y²)."""
        np.multiply(y, y, out=dx)
        np.subtract(1, dx, out=dx)
        dx *= dy


def _row_shape(x: Array) -> tuple[int, ...]:
    """The shape of one number a row along axis 1."""
    return (x.shape[0], 1, *x.shape[2:])


@computes(KERNELS, Softmax)
class SoftmaxKernel(_Activation[Softmax]):
    """The row's largest input is taken off first, so that nothing overflows."""

    def compute(self, op: Softmax, x: Array, y: Array, call: Lender) -> None:
        """y = eˣ / Σ eˣ."""
        row = call.lend("row", _row_shape(x))
        np.subtract(x, np.max(x, axis=1, keepdims=True, out=row), out=y)
        np.exp(y, out=y)
        np.divide(y, np.sum(y, axis=1, keepdims=True, out=row), out=y)

    def differentiate(self, op: Softmax, dy: Array, x: Array, y: Array, dx: Array, call: Lender) -> None:
        """dx = y (dy - Σ dy y)."""
        np.multiply(dy, y, out=dx)
        row = np.sum(dx, axis=1, keepdims=True, out=call.lend("row", _row_shape(x)))
        np.subtract(dy, row, out=dx)
        dx *= y


@computes(KERNELS, LogSoftmax)
class LogSoftmaxKernel(_Activation[LogSoftmax]):
    """The row's largest input is taken off first, so that nothing overflows."""

    def compute(self, op: LogSoftmax, x: Array, y: Array, call: Lender) -> None:
        """y = x - log Σ eˣ."""
        row = call.lend("row", _row_shape(x))
        np.subtract(x, np.max(x, axis=1, keepdims=True, out=row), out=y)
        exponentials = np.exp(y, out=call.pool.scratch("softmax", x.shape))
        np.sum(exponentials, axis=1, keepdims=True, out=row)
        np.log(row, out=row)
        y -= row

    def differentiate(self, op: LogSoftmax, dy: Array, x: Array, y: Array, dx: Array, call: Lender) -> None:
        """dx = dy - eʸ Σ dy."""
        row = np.sum(dy, axis=1, keepdims=True, out=call.lend("row", _row_shape(x)))
        np.exp(y, out=dx)
        dx *= row
        np.subtract(dy, dx, out=dx)
