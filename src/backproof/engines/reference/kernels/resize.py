"""Images made larger or smaller."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.images import output_shape
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Resize


@computes(KERNELS, Resize)
class ResizeKernel(Kernel[Resize, Call]):
    """Each output pixel is a weighted sum of the input pixels around its place (u, v).

        y[n,c,i,j] = Σ w[k] z[l] x[n,c,k,l]    over the rows k around u, with weights w, and the columns l, with z

    The weights do not depend on x, so

        ∂L/∂x[n,c,row,column] = Σ weight · dy[n,c,i,j]    over all (i, j) in whose sum it is

    Outside of the image, where a crop may look, y is a constant.
    """

    @staticmethod
    def _terms(op: Resize, shape: tuple[int, ...]) -> Iterator[tuple[int, int, int, int, float]]:
        """Every (i, j, row, column, weight)."""
        columns = op.taps(shape[3], 1)
        for i, (rows, w) in enumerate(op.taps(shape[2], 0)):
            for j, (across, z) in enumerate(columns):
                for (k, row), (m, column) in product(enumerate(rows), enumerate(across)):
                    yield i, j, row, column, w[k] * z[m]

    def forward(self, op: Resize, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = np.zeros(output_shape(op, x))
        for n, c in np.ndindex(x.shape[:2]):
            for i, j, row, column, weight in self._terms(op, x.shape):
                y[n, c, i, j] += weight * x[n, c, row, column]
            for i, j in np.ndindex(y.shape[2:]):
                if not (op.taps(x.shape[2], 0)[i].rows and op.taps(x.shape[3], 1)[j].rows):
                    y[n, c, i, j] = op.extrapolation_value
        return y, (x.shape,)

    def backward(self, op: Resize, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        dx = np.zeros(shape)
        for n, c in np.ndindex(shape[:2]):
            for i, j, row, column, weight in self._terms(op, shape):
                dx[n, c, row, column] += weight * dy[n, c, i, j]
        return (dx,)
