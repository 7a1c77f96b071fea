"""Pooling."""

from collections.abc import Iterator
from math import isnan
from typing import Any

import numpy as np

from backproof.engines.kernel import AnyOp, Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.images import output_shape
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d

Window = tuple[list[int], list[int], int]
"""Rows and columns inside the image, and the divisor of the mean."""


@computes(KERNELS, MaxPool2d)
class MaxPool2dKernel(Kernel[AnyOp, Call]):
    """y[window] = x[largest pixel of the window], the first of equal ones, row by row.

    ∂y[window]/∂x[pixel] is 1 for that pixel and 0 for all others. Windows may overlap, so

        ∂L/∂x[pixel] = Σ dy[window]    over the windows in which this pixel is the largest
    """

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = np.zeros(output_shape(op, x))
        largest = {}
        for window in np.ndindex(y.shape):
            largest[window] = self._largest(op, x, y.shape, *window)
            y[window] = x[largest[window]]
        return y, (x.shape, largest)

    def _largest(self, op: AnyOp, x: Array, out: tuple[int, ...], n: int, c: int, i: int, j: int) -> tuple[int, ...]:
        """Where in x the largest pixel of window (i, j) is. What is outside of the image is left out, as -∞ is."""
        found: tuple[int, ...] | None = None
        for row, column in self.pixels(op, i, j, x.shape[2:], out[2:]):
            pixel = n, c, row, column
            inside = 0 <= row < x.shape[2] and 0 <= column < x.shape[3]
            if inside and (found is None or x[pixel] > x[found] or isnan(x[pixel])):
                found = pixel
        assert found is not None, "the shape rule leaves no window empty"
        return found

    def pixels(
        self, op: Any, i: int, j: int, image: tuple[int, ...], output: tuple[int, ...]
    ) -> Iterator[tuple[int, int]]:
        """Row and column of each element of window (i, j), row by row."""
        (S, T), (D, E), (top, _, left, _) = op.stride, op.dilation, op.sides
        for a, e in np.ndindex(*op.kernel_size):
            yield i * S - top + a * D, j * T - left + e * E

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        shape, largest = saved
        dx = np.zeros(shape)
        for window in np.ndindex(dy.shape):
            dx[largest[window]] += dy[window]
        return (dx,)


class AverageKernel(Kernel[AnyOp, Call]):
    """y[n,c,i,j] = 1/d Σ x[n,c,row,column]    over the rows and columns of window (i, j), d its divisor.

    Each pixel has the factor 1/d in every window that it is in, so

        ∂L/∂x[n,c,row,column] = Σ dy[n,c,i,j] / d    over those windows
    """

    def window(self, op: AnyOp, i: int, j: int, image: tuple[int, ...], output: tuple[int, ...]) -> Window:
        """Window (i, j), where image is (H, W) and output (H', W')."""
        raise NotImplementedError

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = np.zeros(output_shape(op, x))
        for n, c, i, j in np.ndindex(y.shape):
            rows, columns, d = self.window(op, i, j, x.shape[2:], y.shape[2:])
            y[n, c, i, j] = sum(x[n, c, row, column] for row in rows for column in columns) / d
        return y, (x.shape,)

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        dx = np.zeros(shape)
        for n, c, i, j in np.ndindex(dy.shape):
            rows, columns, d = self.window(op, i, j, shape[2:], dy.shape[2:])
            for row in rows:
                for column in columns:
                    dx[n, c, row, column] += dy[n, c, i, j] / d
        return (dx,)


@computes(KERNELS, AvgPool2d)
class AvgPool2dKernel(AverageKernel[AvgPool2d]):
    """Windows of one size, S apart; some of their elements lie in the padding, and with `ceil_mode` beyond it."""

    def window(self, op: AvgPool2d, i: int, j: int, image: tuple[int, ...], output: tuple[int, ...]) -> Window:
        """Rows i·S - P + a·D for a from 0 to K - 1, columns likewise; d counts them as the attributes say."""
        rows, rows_with_padding = self._places(op, 0, i, image[0])
        columns, columns_with_padding = self._places(op, 1, j, image[1])
        if op.divisor_override is not None:
            d = op.divisor_override
        elif op.count_include_pad:
            d = len(rows_with_padding) * len(columns_with_padding)
        else:
            d = len(rows) * len(columns)
        return rows, columns, d

    @staticmethod
    def _places(op: AvgPool2d, axis: int, i: int, size: int) -> tuple[list[int], list[int]]:
        """The places of window `i` along an axis: those in the image, and those in the image or its padding."""
        before, after = op.sides[2 * axis : 2 * axis + 2]
        start, D = i * op.stride[axis] - before, op.dilation[axis]
        places = [k for k in range(start, start + D * op.kernel_size[axis], D) if k < size + after]
        return [k for k in places if 0 <= k < size], places


@computes(KERNELS, AdaptiveAvgPool2d)
class AdaptiveAvgPool2dKernel(AverageKernel[AdaptiveAvgPool2d]):
    """As many windows as are asked for, which cover the image; d is the number of pixels in each.

    Rows from ⌊i H/H'⌋ to before ⌈(i+1) H/H'⌉, columns likewise.
    """

    def window(self, op: AdaptiveAvgPool2d, i: int, j: int, image: tuple[int, ...], output: tuple[int, ...]) -> Window:
        rows = list(range(*op.window(i, image[0], output[0])))
        columns = list(range(*op.window(j, image[1], output[1])))
        return rows, columns, len(rows) * len(columns)


@computes(KERNELS, AdaptiveMaxPool2d)
class AdaptiveMaxPool2dKernel(MaxPool2dKernel[AdaptiveMaxPool2d]):
    """The same over the windows of adaptive pooling."""

    def pixels(
        self, op: Any, i: int, j: int, image: tuple[int, ...], output: tuple[int, ...]
    ) -> Iterator[tuple[int, int]]:
        for row in range(*op.window(i, image[0], output[0])):
            for column in range(*op.window(j, image[1], output[1])):
                yield row, column
