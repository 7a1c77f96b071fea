"""Convolution as one matrix product: every window becomes a row.

    cols[(n, h, w), (i, j, c)] = x[n, h s + i d - p, w s + j d - p, c]
    y = cols W        dW = colsᵀ dy        dcols = dy Wᵀ, and dx sums dcols over the windows that share a pixel

The rows are made anew in backward, never stored: they hold every input kh · kw times. Many rows are done in blocks,
so that a block is still in the cache when the product reads it.
"""

from collections.abc import Iterator

import numpy as np

from backproof.engines.numpy.buffers import Pool
from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.graph import Array

CACHE = 1 << 18
"""Elements of a block of rows: 1 MB in float32, half of a usual second-level cache."""

LEAST_ROWS = 1024
"""Fewer rows a block would spend the time on repacking the weight rather than on multiplying."""


class Im2col:
    """The plain way: right for every stride, padding and dilation. The twin that faster ways are tested against."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry

    def forward(self, x: Array, W: Array, y: Array, pool: Pool) -> None:
        """Y = cols W."""
        weight = W.reshape(-1, W.shape[3])
        for part, cols in self._blocks(x, pool):
            np.dot(cols, weight, out=_rows(y[part]))

    def weight_gradient(self, x: Array, dy: Array, dW: Array, pool: Pool) -> None:
        """DW = colsᵀ dy, summed over the blocks."""
        total = dW.reshape(-1, dW.shape[3])
        for i, (part, cols) in enumerate(self._blocks(x, pool)):
            if i == 0:
                np.dot(cols.T, _rows(dy[part]), out=total)
            else:
                total += np.dot(cols.T, _rows(dy[part]), out=pool.scratch("partial", total.shape))

    def input_gradient(self, dy: Array, W: Array, dx: Array, pool: Pool) -> None:
        """At stride 1 a convolution of dy with the flipped kernel, else dcols summed into dx."""
        back = self.geometry.flipped()
        if self.geometry.stride == (1, 1) and min(*back.top_left, *back.bottom_right) >= 0:
            flipped = pool.scratch("flipped", (*W.shape[:2], W.shape[3], W.shape[2]))
            flipped[...] = W[::-1, ::-1].swapaxes(2, 3)
            Im2col(back).forward(dy, flipped, dx, pool)
        else:
            self._col2im(dy, W, dx, pool)

    def _col2im(self, dy: Array, W: Array, dx: Array, pool: Pool) -> None:
        """Dcols = dy Wᵀ; each tap's columns are added to the pixels that the tap met."""
        g = self.geometry
        (top, left), (bottom, right) = g.top_left, g.bottom_right
        shape = (1, g.size[0] + max(0, top) + bottom, g.size[1] + max(0, left) + right, W.shape[2])
        if top < 0 or left < 0:
            shape = (1, shape[1] + min(0, top), shape[2] + min(0, left), W.shape[2])
        dcols = pool.scratch("cols", (1, *g.out, *g.kernel, W.shape[2]))
        weight = W.reshape(-1, W.shape[3])
        for n in range(len(dy)):
            np.dot(_rows(dy[n]), weight.T, out=dcols.reshape(-1, len(weight)))
            padded = pool.scratch("dpadded", shape)
            padded[...] = 0
            for i in range(g.kernel[0]):
                for j in range(g.kernel[1]):
                    tap = g.tap(padded, i, j)
                    tap += dcols[:, :, :, i, j]
            g.unpadded(padded, dx[n : n + 1])

    def _blocks(self, x: Array, pool: Pool) -> Iterator[tuple[tuple[slice, slice], Array]]:
        """Blocks of rows, and the part (images, rows of the output) that each belongs to."""
        windows = self.geometry.windows(self.geometry.padded(x, pool))
        n, height, width = windows.shape[:3]
        columns = windows[0, 0, 0].size
        rows = max(CACHE // columns, LEAST_ROWS)
        images = max(1, rows // (height * width))
        lines = height if height * width <= 2 * rows else max(1, rows // width)
        for start in range(0, n, images):
            for line in range(0, height, lines):
                part = (slice(start, start + images), slice(line, line + lines))
                view = windows[part]
                cols = pool.scratch("cols", view.shape)
                np.copyto(cols, view)
                yield part, cols.reshape(-1, columns)


def _rows(part: Array) -> Array:
    """(..., O) as (rows, O) without a copy."""
    return part.reshape(-1, part.shape[-1])
