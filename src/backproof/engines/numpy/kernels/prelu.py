"""ReLU with a slope that is learned.

y = x s        dx = dy s        dw = Σ dy x [x <= 0]        s = 1 where x > 0, else w
"""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import channels_last
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import PReLU


@computes(KERNELS, PReLU)
class PReLUKernel(NumpyKernel[PReLU]):
    """The factor is kept for backward."""

    layout: ClassVar = "any"

    def forward(self, op: PReLU, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        factor = call.borrow("factor", x.shape)
        factor[...] = self._met(op, p["weight"], x.ndim, call)
        np.copyto(factor, 1, where=np.greater(x, 0, out=call.pool.mask(x.shape)))
        return np.multiply(x, factor, out=call.borrow_output(x.shape)), (x, factor)

    def backward(self, op: PReLU, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        x, factor = saved
        shares = np.multiply(dy, x, out=call.pool.scratch("shares", x.shape))
        np.copyto(shares, 0, where=np.greater(x, 0, out=call.pool.mask(x.shape)))
        dw = self._met(op, g["weight"], x.ndim, call)
        shared = tuple(axis for axis, size in enumerate(dw.shape) if size == 1)
        np.sum(shares, axis=shared, keepdims=True, out=dw)
        return (np.multiply(dy, factor, out=call.borrow_gradient(dy.shape)) if call.wants[0] else None,)

    @staticmethod
    def _met(op: PReLU, w: Array, rank: int, call: Workspace) -> Array:
        """The view of w that meets x."""
        w = w.reshape(op.broadcast(rank))
        return channels_last(w) if call.turned[0] else w
