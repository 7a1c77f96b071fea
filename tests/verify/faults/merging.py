"""Branches merged and divided wrongly."""

import numpy as np

from backproof.engines.kernel import Kernel
from backproof.engines.reference.kernels.merge import ConcatKernel, MulKernel, WeightedSumKernel
from backproof.ops import Add, Concat, Mul, WeightedSum
from faults.fault import wrong_kernel


@wrong_kernel(Concat, at="gradient of input")
class GradientSplitAtTheWrongPlace(ConcatKernel):
    """The first input gets the last columns of the gradient, and so on backwards."""

    def backward(self, op, dy, saved, p, g, call):
        (widths,) = saved
        ends = np.cumsum(widths)
        return tuple(dy[:, dy.shape[1] - end : dy.shape[1] - end + w] for end, w in zip(ends, widths, strict=True))


@wrong_kernel(Mul, at="gradient of input")
class FactorsExchanged(MulKernel):
    """da = dy a and db = dy b: each gets its own value for that of the other."""

    def backward(self, op, dy, saved, p, g, call):
        return super().backward(op, dy, saved[::-1], p, g, call)


@wrong_kernel(Add, at="gradient of input")
class GradientShared(Kernel):
    """Each summand gets half of the gradient."""

    def forward(self, op, inputs, p, call):
        a, b = inputs
        return a + b, ()

    def backward(self, op, dy, saved, p, g, call):
        return dy / 2, dy / 2


@wrong_kernel(WeightedSum, at="gradient of input")
class WeightsForgottenInBackward(WeightedSumKernel):
    """Each summand gets the whole gradient."""

    def backward(self, op, dy, saved, p, g, call):
        return tuple(dy for _ in op.weights)


@wrong_kernel(WeightedSum, at="output, gradient of input")
class MeanInsteadOfSum(WeightedSumKernel):
    """The weights are divided by their number."""

    def forward(self, op, inputs, p, call):
        y, saved = super().forward(op, inputs, p, call)
        return y / len(inputs), saved

    def backward(self, op, dy, saved, p, g, call):
        return super().backward(op, dy / len(op.weights), saved, p, g, call)
