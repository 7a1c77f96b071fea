"""Pooling gone wrong."""

from dataclasses import replace

import numpy as np

from backproof.engines.numpy.kernels.pool import MaxPool2dKernel, taps, window
from backproof.engines.reference.kernels.pool import AdaptiveAvgPool2dKernel, AvgPool2dKernel
from backproof.ops import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from faults.fault import wrong_kernel


@wrong_kernel(MaxPool2d, at="gradient of input")
class LastOfEqualOnes(MaxPool2dKernel):
    """Of equal pixels the last one gets the gradient, not the first."""

    def find(self, g, padded, y, winner, call):
        super().find(g, padded, y, winner, call)
        for number, (i, j) in enumerate(taps(g)):
            winner[g.tap(padded, i, j) == y] = number


@wrong_kernel(MaxPool2d, at="gradient of input")
class EveryEqualOne(MaxPool2dKernel):
    """All pixels equal to the largest get the whole gradient, as `x == max` suggests."""

    def forward(self, op, inputs, p, call):
        y, (_, shape) = super().forward(op, inputs, p, call)
        g = window(op, shape)
        padded = g.padded(inputs[0], call.pool, -np.inf).copy()
        return y, ([g.tap(padded, i, j) == y for i, j in taps(g)], shape)

    def hand_back(self, g, dy, winner, padded, call):
        for (i, j), holds in zip(taps(g), winner, strict=True):
            tap = g.tap(padded, i, j)
            tap += dy * holds


@wrong_kernel(MaxPool2d, at="output, gradient of input")
class PaddedWithZeros(MaxPool2dKernel):
    """The padding is zeros, which are larger than negative pixels, not minus infinity."""

    def forward(self, op, inputs, p, call):
        (x,) = inputs
        g = window(op, x.shape)
        shape = (len(x), *g.out, x.shape[3])
        y, winner = call.borrow_output(shape), call.borrow("winner", shape, np.uint8)
        self.find(g, g.padded(x, call.pool, 0.0), y, winner, call)
        return y, (winner, x.shape)


@wrong_kernel(MaxPool2d, at="everything")
class CeilModeIgnored(MaxPool2dKernel):
    """The last window, which hangs over the end, is left out, and the output is smaller than declared."""

    def forward(self, op, inputs, p, call):
        return super().forward(replace(op, ceil_mode=False), inputs, p, call)

    def backward(self, op, dy, saved, p, g, call):
        return super().backward(replace(op, ceil_mode=False), dy, saved, p, g, call)


@wrong_kernel(AvgPool2d, at="output, gradient of input")
class CountIncludePadIgnored(AvgPool2dKernel):
    """The zeros of the padding always count in the divisor."""

    def window(self, op, i, j, image, output):
        plain = op.divisor_override is None
        return super().window(replace(op, count_include_pad=True) if plain else op, i, j, image, output)


@wrong_kernel(AvgPool2d, at="output, gradient of input")
class OverhangCounted(AvgPool2dKernel):
    """With ceil_mode, what hangs over beyond the padding counts in the divisor."""

    def window(self, op, i, j, image, output):
        rows, columns, d = super().window(op, i, j, image, output)
        counts_all = op.count_include_pad and op.divisor_override is None
        return rows, columns, op.kernel_size[0] * op.kernel_size[1] if counts_all else d


@wrong_kernel(AvgPool2d, at="output, gradient of input")
class WindowsOneRowShort(AvgPool2dKernel):
    """An off-by-one: the last row of every window of several is left out of the sum."""

    def window(self, op, i, j, image, output):
        rows, columns, d = super().window(op, i, j, image, output)
        return rows[:-1] or rows, columns, d


@wrong_kernel(AvgPool2d, at="gradient of input")
class DivisorForgottenInBackward(AvgPool2dKernel):
    """Every pixel of a window gets the whole gradient."""

    def backward(self, op, dy, saved, p, g, call):
        return super().backward(replace(op, divisor_override=1), dy, saved, p, g, call)


@wrong_kernel(AdaptiveAvgPool2d, at="output, gradient of input")
class WindowsEndTooEarly(AdaptiveAvgPool2dKernel):
    """An off-by-one: the end of a window is rounded down, not up."""

    def window(self, op, i, j, image, output):
        rows, columns = (
            list(range(k * size // count, max(k * size // count + 1, (k + 1) * size // count)))
            for k, size, count in zip((i, j), image, output, strict=True)
        )
        return rows, columns, len(rows) * len(columns)
