"""The largest of each window."""

from itertools import product

import numpy as np

from backproof.engines.kernel import AnyOp, Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.images import output_shape
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import AdaptiveMaxPool2d, MaxPool2d


class LargestKernel(Kernel[AnyOp, Call]):
    """y[window] = x[largest pixel of the window], the first of equal ones; dy goes to that pixel."""

    def places(self, op: AnyOp, axis: int, size: int, out: int) -> list[Array]:
        """Of each element of a window along an axis, the row (or column) where it lies in every window, or beyond."""
        raise NotImplementedError

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        shape = output_shape(op, x)
        y, where = np.full(shape, -np.inf), np.full(shape, -1)
        for rows, columns in product(*(self.places(op, axis, x.shape[axis + 2], shape[axis + 2]) for axis in (0, 1))):
            inside = np.logical_and.outer((rows >= 0) & (rows < x.shape[2]), (columns >= 0) & (columns < x.shape[3]))
            i, j = np.clip(rows, 0, x.shape[2] - 1), np.clip(columns, 0, x.shape[3] - 1)
            pixels = x[:, :, i[:, None], j]
            larger = inside & ((where < 0) | (pixels > y) | np.isnan(pixels))
            y = np.where(larger, pixels, y)
            where = np.where(larger, i[:, None] * x.shape[3] + j, where)
        return y, (x.shape, where)

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (N, C, H, W), where = saved
        dx = np.zeros((N * C, H * W))
        np.add.at(dx, (np.arange(N * C)[:, None], where.reshape(N * C, -1)), dy.reshape(N * C, -1))
        return (dx.reshape(N, C, H, W),)


@computes(VECTORISED, MaxPool2d)
class MaxPool2dKernel(LargestKernel[MaxPool2d]):
    """Windows of one size, a stride apart."""

    def places(self, op: MaxPool2d, axis: int, size: int, out: int) -> list[Array]:
        first = np.arange(out) * op.stride[axis] - op.sides[2 * axis]
        return [first + a * op.dilation[axis] for a in range(op.kernel_size[axis])]


@computes(VECTORISED, AdaptiveMaxPool2d)
class AdaptiveMaxPool2dKernel(LargestKernel[AdaptiveMaxPool2d]):
    """Windows of unequal size: what a smaller one lacks lies outside."""

    def places(self, op: AdaptiveMaxPool2d, axis: int, size: int, out: int) -> list[Array]:
        starts, ends = np.array([op.window(i, size, out) for i in range(out)]).T
        return [np.where(starts + a < ends, starts + a, size) for a in range(int((ends - starts).max()))]
