"""Fully connected layers gone wrong."""

import numpy as np

from backproof.engines.kernel import Kernel
from backproof.engines.numpy.kernels.linear import LinearKernel
from backproof.ops import Linear
from faults.fault import wrong_kernel


def rows(x):
    """(N, ..., features) as a matrix."""
    return x.reshape(-1, x.shape[-1])


class FullyConnected(Kernel):
    """A right one."""

    def forward(self, op, inputs, p, call):
        (x,) = inputs
        return x @ p["weight"].T + (p["bias"] if op.bias else 0), (x,)

    def backward(self, op, dy, saved, p, g, call):
        (x,) = saved
        g["weight"][...] = rows(dy).T @ rows(x)
        if op.bias:
            g["bias"][...] = rows(dy).sum(axis=0)
        return (dy @ p["weight"],)


@wrong_kernel(Linear, at="output, gradient of weight, gradient of input")
class WeightTransposed(FullyConnected):
    """The weight is read as (in, out), forward and backward."""

    def forward(self, op, inputs, p, call):
        (x,) = inputs
        return x @ p["weight"].reshape(x.shape[-1], -1) + (p["bias"] if op.bias else 0), (x,)

    def backward(self, op, dy, saved, p, g, call):
        (x,) = saved
        super().backward(op, dy, saved, p, g, call)
        g["weight"][...] = (rows(x).T @ rows(dy)).reshape(g["weight"].shape)
        return (dy @ p["weight"].reshape(x.shape[-1], -1).T,)


@wrong_kernel(Linear, at="gradient of input")
class SquareWeightTransposedInBackward(FullyConnected):
    """dx = dy Wᵀ where dy W belongs, which nobody notices but where W is square."""

    def backward(self, op, dy, saved, p, g, call):
        (dx,) = super().backward(op, dy, saved, p, g, call)
        W = p["weight"]
        return (dy @ W.T if W.shape[0] == W.shape[1] else dx,)


@wrong_kernel(Linear, at="gradient of bias")
class BiasGradientMissing(FullyConnected):
    """The gradient of the bias is never written."""

    def backward(self, op, dy, saved, p, g, call):
        dxs = super().backward(op, dy, saved, p, g, call)
        if op.bias:
            g["bias"][...] = 0
        return dxs


@wrong_kernel(Linear, at="gradient of bias")
class BiasGradientAveraged(FullyConnected):
    """The gradient of the bias is the mean over the samples, though the loss has averaged already."""

    def backward(self, op, dy, saved, p, g, call):
        dxs = super().backward(op, dy, saved, p, g, call)
        if op.bias:
            g["bias"][...] = rows(dy).mean(axis=0)
        return dxs


@wrong_kernel(Linear, at="gradient of weight")
class WeightGradientOffByAMillionth(FullyConnected):
    """The gradient of the weight is too large by the factor 1.000001."""

    def backward(self, op, dy, saved, p, g, call):
        dxs = super().backward(op, dy, saved, p, g, call)
        g["weight"][...] *= 1.000001
        return dxs


@wrong_kernel(Linear, at="gradient of weight")
class SummedInFloat32(FullyConnected):
    """The gradient of the weight is a product of float32 matrices, in the midst of a float64 computation."""

    def backward(self, op, dy, saved, p, g, call):
        dxs = super().backward(op, dy, saved, p, g, call)
        g["weight"][...] = rows(dy).astype(np.float32).T @ rows(saved[0]).astype(np.float32)
        return dxs


@wrong_kernel(Linear, at="gradient of weight, the same again, inputs of any layout")
class GradientNeverReset(LinearKernel):
    """The gradient of the weight is added to what the last pass left there."""

    def backward(self, op, dy, saved, p, g, call):
        before = g["weight"].copy()
        dxs = super().backward(op, dy, saved, p, g, call)
        g["weight"][...] += before
        return dxs
