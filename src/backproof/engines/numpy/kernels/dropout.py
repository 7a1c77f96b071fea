"""Dropout of elements, and of whole channels (Dropout2d).

training      y = x m / (1 - p)       dx = dy m / (1 - p)
evaluation    y = x                   dx = dy

The mask m is kept for backward, a byte an element; of Dropout2d a byte a channel.
"""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import channels_first, channels_last
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Dropout, Dropout2d
from backproof.ops.dropout import Dropping


@computes(KERNELS, Dropout)
@computes(KERNELS, Dropout2d)
class DropoutKernel(NumpyKernel[Dropping]):
    """The operation draws the mask, so that every engine drops the same parts."""

    layout: ClassVar = "any"

    def forward(self, op: Dropping, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        if not call.mode.training:
            call.ways.add("evaluation")
            return x, (None,)
        call.ways.add("mask, channels last" if call.output_turned else "mask")
        mask = self._mask(op, x, call)
        y = np.multiply(x, mask, out=call.borrow_output(x.shape))
        y *= 1 / (1 - op.p)
        return y, (mask,)

    @staticmethod
    def _mask(op: Dropping, x: Array, call: Workspace) -> Array:
        """Drawn for the canonical shape, then turned as images are."""
        shape = channels_first(x).shape if call.output_turned else x.shape
        mask = op.mask(shape, call.mode.seed, call.mode.step, call.node)
        return np.ascontiguousarray(channels_last(mask)) if call.output_turned else mask

    def backward(self, op: Dropping, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        (mask,) = saved
        if mask is None:
            return (dy,)
        dx = np.multiply(dy, mask, out=call.borrow_gradient(dy.shape))
        dx *= 1 / (1 - op.p)
        return (dx,)
