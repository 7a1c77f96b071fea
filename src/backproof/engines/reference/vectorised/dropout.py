"""Dropout."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import Dropout, Dropout2d
from backproof.ops.dropout import Dropping


@computes(VECTORISED, Dropout)
@computes(VECTORISED, Dropout2d)
class DropoutKernel(Kernel[Dropping, Call]):
    """Training: y = x m / (1 - p) and dx = dy m / (1 - p).   Evaluation: y = x and dx = dy."""

    def forward(self, op: Dropping, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        if not call.mode.training:
            return x, (None,)
        kept = np.broadcast_to(op.mask(x.shape, call.mode.seed, call.mode.step, call.node), x.shape)
        return np.where(kept, x / (1 - op.p), 0 * x), (kept,)

    def backward(self, op: Dropping, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (kept,) = saved
        return (dy if kept is None else np.where(kept, dy / (1 - op.p), 0 * dy),)
