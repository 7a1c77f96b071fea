"""Dropout.

training      y = x m / (1 - p)       dx = dy m / (1 - p)
evaluation    y = x                   dx = dy
"""

import numpy as np

from backproof.engines.kernel import Saved, computes
from backproof.engines.numpy.buffers import Lender
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.graph import Array, Arrays
from backproof.ops import Dropout


@computes(KERNELS, Dropout)
class DropoutKernel(NumpyKernel[Dropout]):
    """The operation draws the mask, so that every engine drops the same elements."""

    def forward(self, op: Dropout, inputs: tuple[Array, ...], p: Arrays, call: Lender) -> tuple[Array, Saved]:
        """y = x · scale."""
        (x,) = inputs
        if not call.mode.training:
            return x, (None,)
        scale = call.lend("scale", x.shape)
        np.divide(op.mask(x.shape, call.mode.seed, call.mode.step, call.node), 1 - op.p, out=scale, casting="unsafe")
        return np.multiply(x, scale, out=call.lend("y", x.shape)), (scale,)

    def backward(
        self, op: Dropout, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Lender
    ) -> tuple[Array | None, ...]:
        """dx = dy · scale."""
        (scale,) = saved
        if not call.wants[0]:
            return (None,)
        return (dy if scale is None else np.multiply(dy, scale, out=call.lend("dx", dy.shape)),)
