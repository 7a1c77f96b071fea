"""Branches merged and divided wrongly."""

import numpy as np

from backproof.engines.kernel import Kernel
from backproof.engines.reference.kernels import KERNELS
from backproof.engines.reference.kernels.merge import ConcatKernel, WeightedSumKernel
from backproof.ops import Add, Concat, Div, Maximum, Minimum, Mul, Sub, WeightedSum
from faults.fault import wrong_kernel


@wrong_kernel(Concat, at="gradient of input")
class GradientSplitAtTheWrongPlace(ConcatKernel):
    """The first input gets the last columns of the gradient, and so on backwards."""

    def backward(self, op, dy, saved, p, g, call):
        (widths,) = saved
        ends = dy.shape[op.axis] - np.cumsum(widths)
        return tuple(dy.take(range(end, end + w), op.axis) for end, w in zip(ends, widths, strict=True))


class Arithmetic(Kernel):
    """Right forward."""

    def forward(self, op, inputs, p, call):
        return KERNELS[type(op)].forward(op, inputs, p, call)


@wrong_kernel(Mul, at="gradient of input")
class FactorsExchanged(Arithmetic):
    """da = dy a and db = dy b, of equal shape: each gets its own value for that of the other."""

    def backward(self, op, dy, saved, p, g, call):
        a, b, y = saved
        return KERNELS[Mul].backward(op, dy, (b, a, y) if a.shape == b.shape else saved, p, g, call)


@wrong_kernel(Add, at="gradient of input")
class GradientShared(Arithmetic):
    """Each summand gets half of the gradient."""

    def backward(self, op, dy, saved, p, g, call):
        return KERNELS[Add].backward(op, dy / 2, saved, p, g, call)


@wrong_kernel(Maximum, Minimum, at="gradient of input")
class TiesToBoth(Arithmetic):
    """Where both are equal each gets the whole gradient."""

    def backward(self, op, dy, saved, p, g, call):
        a, b, _ = saved
        dxs = KERNELS[type(op)].backward(op, dy, saved, p, g, call)
        return tuple(dx * (1 + (a == b)) if a.shape == b.shape else dx for dx in dxs)


@wrong_kernel(Add, Mul, Sub, Div, at="gradient of input")
class NotSummedOverTheBatch(Arithmetic):
    """What is broadcast gets the gradient from the first sample alone."""

    def backward(self, op, dy, saved, p, g, call):
        first = dy.copy()
        first[1:] = 0
        full, part = (KERNELS[type(op)].backward(op, d, saved, p, g, call) for d in (dy, first))
        return tuple(b if x.ndim < dy.ndim else a for x, a, b in zip(saved[:2], full, part, strict=True))


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
