"""Activations gone wrong."""

from dataclasses import replace

import numpy as np

from backproof.engines.kernel import Kernel
from backproof.engines.numpy.kernels.activation import ReLUKernel as FastReLUKernel
from backproof.engines.reference.kernels import KERNELS
from backproof.engines.reference.kernels.activation import SoftmaxKernel, sigmoid
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
from faults.fault import wrong_kernel


def right(op):
    """The class of the kernel as it should be."""
    return type(KERNELS[op])


@wrong_kernel(ReLU, at="gradient of input")
class DerivativeOneAtZero(right(ReLU)):
    """ReLU'(0) = 1."""

    def df(self, op, x, y):
        return 1.0 if x >= 0 else 0.0


@wrong_kernel(Hardtanh, ReLU6, at="gradient of input")
class DerivativeOneAtTheBounds(right(Hardtanh)):
    """The gradient passes where the input lies on a bound."""

    def df(self, op, x, y):
        lower, upper = op.bounds
        return 1.0 if lower <= x <= upper else 0.0


@wrong_kernel(Hardtanh, ReLU6, at="gradient of input")
class UpperBoundForgottenInBackward(right(Hardtanh)):
    """The gradient passes above the upper bound."""

    def df(self, op, x, y):
        return 1.0 if x > op.bounds[0] else 0.0


@wrong_kernel(LeakyReLU, at="gradient of input")
class SlopeForgottenInBackward(right(LeakyReLU)):
    """The derivative of negative inputs is 0, as ReLU's."""

    def df(self, op, x, y):
        return 1.0 if x > 0 else 0.0


@wrong_kernel(LeakyReLU, at="gradient of input")
class SlopeOneAtZero(right(LeakyReLU)):
    """The derivative at 0 is 1, not the slope."""

    def df(self, op, x, y):
        return 1.0 if x >= 0 else op.negative_slope


@wrong_kernel(ELU, at="gradient of input")
class AlphaForgottenInBackward(right(ELU)):
    """The derivative of negative inputs is eˣ, without α."""

    def df(self, op, x, y):
        return super().df(replace(op, alpha=1.0), x, y)


@wrong_kernel(Sigmoid, at="gradient of input")
class DerivativeOfTheWrongArgument(right(Sigmoid)):
    """σ' is taken at y = σ(x), not at x."""

    def df(self, op, x, y):
        return sigmoid(y) * (1 - sigmoid(y))


@wrong_kernel(Tanh, at="gradient of input")
class SquareForgotten(right(Tanh)):
    """The derivative is 1 - y."""

    def df(self, op, x, y):
        return 1 - y


@wrong_kernel(GELU, at="output, gradient of input")
class AlwaysApproximate(right(GELU)):
    """The formula with tanh is taken where the exact one is asked for."""

    def f(self, op, x):
        return super().f(GELU("tanh"), x)

    def df(self, op, x, y):
        return super().df(GELU("tanh"), x, y)


@wrong_kernel(SiLU, at="gradient of input")
class DerivativeOfSigmoidAlone(right(SiLU)):
    """The product rule is cut short: x σ'(x), without σ(x)."""

    def df(self, op, x, y):
        return x * sigmoid(x) * (1 - sigmoid(x))


@wrong_kernel(Softplus, at="gradient of input")
class BetaForgottenInBackward(right(Softplus)):
    """The derivative is σ(x), not σ(β x)."""

    def df(self, op, x, y):
        return 1.0 if op.beta * x > op.threshold else sigmoid(x)


@wrong_kernel(Softplus, at="output, gradient of input")
class ThresholdIgnored(right(Softplus)):
    """No input counts as large enough to be its own softplus."""

    def f(self, op, x):
        return super().f(replace(op, threshold=np.inf), x)

    def df(self, op, x, y):
        return super().df(replace(op, threshold=np.inf), x, y)


@wrong_kernel(Softmax, at="gradient of input")
class JacobianWithoutItsSecondTerm(SoftmaxKernel):
    """dx = y dy: the diagonal of the Jacobian alone, where y (dy - Σ dy y) belongs."""

    def backward(self, op, dy, saved, p, g, call):
        return (saved[0] * dy,)


@wrong_kernel(Softmax, LogSoftmax, at="output")
class Overflowing(Kernel):
    """The largest input is not taken off first, so that e to the power of it may be infinite."""

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, op, inputs, p, call):
        e = np.exp(inputs[0])
        y = e / e.sum(axis=op.axis, keepdims=True)
        return (y if isinstance(op, Softmax) else inputs[0] - np.log(e.sum(axis=op.axis, keepdims=True))), (y,)

    @np.errstate(over="ignore", invalid="ignore")
    def backward(self, op, dy, saved, p, g, call):
        (y,) = saved
        if isinstance(op, Softmax):
            return (y * (dy - (dy * y).sum(axis=op.axis, keepdims=True)),)
        return (dy - y * dy.sum(axis=op.axis, keepdims=True),)


@wrong_kernel(Softmax, at="output, gradient of input")
class OverTheLastAxis(SoftmaxKernel):
    """The sum runs over the last axis, which is not that of the classes in images."""

    def forward(self, op, inputs, p, call):
        return super().forward(replace(op, axis=-1), inputs, p, call)

    def backward(self, op, dy, saved, p, g, call):
        return super().backward(replace(op, axis=-1), dy, saved, p, g, call)


@wrong_kernel(ReLU, at="values taken unchanged")
class ComputedInPlace(right(ReLU)):
    """The output is written over the input."""

    def forward(self, op, inputs, p, call):
        y, saved = super().forward(op, inputs, p, call)
        inputs[0][...] = y
        return y, saved


@wrong_kernel(ReLU, at="gradient of output unchanged")
class GradientComputedInPlace(right(ReLU)):
    """The gradient of the output, which others hold too, is written over."""

    def backward(self, op, dy, saved, p, g, call):
        (dx,) = super().backward(op, dy, saved, p, g, call)
        dy[...] = dx
        return (dx,)


@wrong_kernel(ReLU, at="gradient of input")
class RoundedToFloat32(FastReLUKernel):
    """The gradient is rounded to float32 on its way."""

    def differentiate(self, op, dy, x, y, dx, call):
        super().differentiate(op, dy, x, y, dx, call)
        dx[...] = dx.astype(np.float32)
