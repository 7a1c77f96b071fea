"""Images made larger or smaller."""

from collections.abc import Iterator

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.images import output_shape
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Resize


@computes(KERNELS, Resize)
class ResizeKernel(Kernel[Resize, Call]):
    """Each output pixel is a weighted sum of the four input pixels around its place (u, v).

        y[n,c,i,j] = (1 - w)(1 - z) x[k,l] + (1 - w) z x[k,l+1] + w (1 - z) x[k+1,l] + w z x[k+1,l+1]

    with k = ⌊u⌋, w = u - k and l = ⌊v⌋, z = v - l; for `nearest`, w = z = 0. The weights do not depend on x, so

        ∂L/∂x[n,c,row,column] = Σ weight · dy[n,c,i,j]    over all (i, j) in whose sum it is
    """

    @staticmethod
    def _terms(op: Resize, shape: tuple[int, ...]) -> Iterator[tuple[int, int, int, int, float]]:
        """Every (i, j, row, column, weight)."""
        columns = op.places(shape[3], 1)
        for i, (above, below, w) in enumerate(op.places(shape[2], 0)):
            for j, (left, right, z) in enumerate(columns):
                yield i, j, above, left, (1 - w) * (1 - z)
                yield i, j, above, right, (1 - w) * z
                yield i, j, below, left, w * (1 - z)
                yield i, j, below, right, w * z

    def forward(self, op: Resize, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = np.zeros(output_shape(op, x))
        for n, c in np.ndindex(x.shape[:2]):
            for i, j, row, column, weight in self._terms(op, x.shape):
                y[n, c, i, j] += weight * x[n, c, row, column]
        return y, (x.shape,)

    def backward(self, op: Resize, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        dx = np.zeros(shape)
        for n, c in np.ndindex(shape[:2]):
            for i, j, row, column, weight in self._terms(op, shape):
                dx[n, c, row, column] += weight * dy[n, c, i, j]
        return (dx,)
