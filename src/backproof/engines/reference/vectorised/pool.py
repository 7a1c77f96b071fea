"""The largest of each window."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.images import output_shape
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import MaxPool2d


@computes(VECTORISED, MaxPool2d)
class MaxPool2dKernel(Kernel[MaxPool2d, Call]):
    """y[window] = x[largest pixel of the window], the first of equal ones; dy goes to that pixel."""

    def forward(self, op: MaxPool2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        shape = output_shape(op, x)
        y, where = np.full(shape, -np.inf), np.full(shape, -1)
        for a, e in np.ndindex(*op.kernel_size):
            rows, columns = (
                np.arange(shape[axis + 2]) * op.stride[axis] - op.sides[2 * axis] + tap * op.dilation[axis]
                for axis, tap in enumerate((a, e))
            )
            inside = np.logical_and.outer((rows >= 0) & (rows < x.shape[2]), (columns >= 0) & (columns < x.shape[3]))
            rows, columns = np.clip(rows, 0, x.shape[2] - 1), np.clip(columns, 0, x.shape[3] - 1)
            pixels = x[:, :, rows[:, None], columns]
            larger = inside & ((where < 0) | (pixels > y) | np.isnan(pixels))
            y = np.where(larger, pixels, y)
            where = np.where(larger, rows[:, None] * x.shape[3] + columns, where)
        return y, (x.shape, where)

    def backward(self, op: MaxPool2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (N, C, H, W), where = saved
        dx = np.zeros((N * C, H * W))
        np.add.at(dx, (np.arange(N * C)[:, None], where.reshape(N * C, -1)), dy.reshape(N * C, -1))
        return (dx.reshape(N, C, H, W),)
