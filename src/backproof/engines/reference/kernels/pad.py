"""Pixels added around images."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.images import output_shape
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Pad


@computes(KERNELS, Pad)
class PadKernel(Kernel[Pad, Call]):
    """y[n,c,i,j] = x[n,c,row,column], the pixel that the mode copies to (i, j), or the constant.

    ∂y/∂x is 1 for the pixel that was copied, and the constant depends on none, so

        ∂L/∂x[n,c,row,column] = Σ dy[n,c,i,j]    over all (i, j) that it was copied to
    """

    @staticmethod
    def _source(op: Pad, i: int, j: int, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """Row and column of x that are copied to (i, j); None: the constant."""
        left, _, top, _ = op.sides
        row, column = op.source(i - top, shape[2]), op.source(j - left, shape[3])
        return None if row is None or column is None else (row, column)

    def forward(self, op: Pad, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = np.zeros(output_shape(op, x))
        for n, c, i, j in np.ndindex(y.shape):
            source = self._source(op, i, j, x.shape)
            y[n, c, i, j] = op.value if source is None else x[n, c, *source]
        return y, (x.shape,)

    def backward(self, op: Pad, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        dx = np.zeros(shape)
        for n, c, i, j in np.ndindex(dy.shape):
            source = self._source(op, i, j, shape)
            if source is not None:
                dx[n, c, *source] += dy[n, c, i, j]
        return (dx,)
