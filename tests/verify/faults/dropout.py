"""Dropout gone wrong."""

from dataclasses import replace

import numpy as np

from backproof.engines.kernel import Kernel
from backproof.ops import Dropout, Dropout2d
from faults.fault import wrong_kernel


class Dropping(Kernel):
    """A right one."""

    def mask(self, op, x, call):
        return np.broadcast_to(op.mask(x.shape, call.mode.seed, call.mode.step, call.node), x.shape)

    def scale(self, op):
        return 1 / (1 - op.p)

    def active(self, call):
        return call.mode.training

    def forward(self, op, inputs, p, call):
        (x,) = inputs
        if not self.active(call):
            return x.copy(), (np.ones(x.shape),)
        factor = self.mask(op, x, call) * self.scale(op)
        return x * factor, (factor,)

    def backward(self, op, dy, saved, p, g, call):
        return (dy * saved[0],)


@wrong_kernel(Dropout, Dropout2d, at="output, gradient of input")
class NotRescaled(Dropping):
    """What is kept is not divided by 1 - p."""

    def scale(self, op):
        return 1


@wrong_kernel(Dropout, Dropout2d, at="gradient of input")
class NotMaskedInBackward(Dropping):
    """Backward divides by 1 - p and forgets the mask."""

    def backward(self, op, dy, saved, p, g, call):
        return (dy * self.scale(op) if call.mode.training else dy,)


@wrong_kernel(Dropout, Dropout2d, at="gradient of input")
class MaskRedrawnInBackward(Dropping):
    """Backward draws a mask of its own."""

    def backward(self, op, dy, saved, p, g, call):
        call.mode = replace(call.mode, step=call.mode.step + 1)
        factor = self.mask(op, dy, call) * self.scale(op) if call.mode.training else 1
        return (dy * factor,)


@wrong_kernel(Dropout, Dropout2d, at="output, gradient of input")
class ActiveInEvaluation(Dropping):
    """Elements are dropped in evaluation too."""

    def active(self, call):
        return True


@wrong_kernel(Dropout2d, at="output, gradient of input")
class ElementsForChannels(Dropping):
    """Single elements are dropped where whole channels should be."""

    def mask(self, op, x, call):
        return Dropout(op.p).mask(x.shape, call.mode.seed, call.mode.step, call.node)
