"""Dropout."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Dropout, Dropout2d
from backproof.ops.dropout import Dropping


@computes(KERNELS, Dropout)
@computes(KERNELS, Dropout2d)
class DropoutKernel(Kernel[Dropping, Call]):
    """Training: y[i] = x[i] m[i] / (1 - p), where m[i] is 0 or 1; Dropout2d's is the same for a whole channel.

    Evaluation: y = x.

    The mask is a constant of the step, so   ∂L/∂x[i] = dy[i] m[i] / (1 - p):   what was dropped learns nothing.
    """

    def forward(self, op: Dropping, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        factor = np.ones(x.shape)
        if call.mode.training:
            kept = np.broadcast_to(op.mask(x.shape, call.mode.seed, call.mode.step, call.node), x.shape)
            for i in np.ndindex(x.shape):
                factor[i] = 1 / (1 - op.p) if kept[i] else 0.0
        y = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            y[i] = x[i] * factor[i]
        return y, (factor,)

    def backward(self, op: Dropping, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (factor,) = saved
        dx = np.zeros(dy.shape)
        for i in np.ndindex(dy.shape):
            dx[i] = dy[i] * factor[i]
        return (dx,)
