"""Convolution as one matrix product: every window becomes a row.

    cols[(n, h, w), (i, j, c)] = x[n, h s + i d - p, w s + j d - p, c]
    y = cols W        dW = colsᵀ dy        dcols = dy Wᵀ, and dx sums dcols over the windows that share a pixel

The rows are made anew in backward, never stored: they hold every input kh · kw times. Many rows are done in blocks,
so that a block is still in the cache when the product reads it.
"""

from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np

from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.engines.numpy.tuning import Tuning
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array

Scatter = Callable[[Geometry, Array, Array], None]


def add_taps(g: Geometry, dcols: Array, padded: Array) -> None:
    """Add dcols (N, Ho, Wo, kh, kw, C), tap by tap, to the pixels that the tap met."""
    for i in range(g.kernel[0]):
        for j in range(g.kernel[1]):
            tap = g.tap(padded, i, j)
            tap += dcols[:, :, :, i, j]


class Im2col:
    """The plain way: right for every stride, padding and dilation. The twin that faster ways are tested against.

    `scatter` adds the gradients of rows to the gradients of pixels.
    """

    way: ClassVar[str] = "im2col"

    def __init__(self, geometry: Geometry, scatter: Scatter = add_taps) -> None:
        self.geometry = geometry
        self._scatter = scatter

    def forward(self, x: Array, W: Array, y: Array, call: Workspace) -> None:
        """Y = cols W."""
        weight = W.reshape(-1, W.shape[3])
        for part, cols in self._blocks(x, call):
            np.dot(cols, weight, out=_rows(y[part]))

    def weight_gradient(self, x: Array, dy: Array, dW: Array, call: Workspace) -> None:
        """DW = colsᵀ dy, summed over the blocks."""
        total = dW.reshape(-1, dW.shape[3])
        for i, (part, cols) in enumerate(self._blocks(x, call)):
            if i == 0:
                np.dot(cols.T, _rows(dy[part]), out=total)
            else:
                total += np.dot(cols.T, _rows(dy[part]), out=call.pool.scratch("partial", total.shape))

    def input_gradient(self, dy: Array, W: Array, dx: Array, call: Workspace) -> None:
        """At stride 1 a convolution of dy with the flipped kernel, else dcols summed into dx."""
        back = self.geometry.flipped()
        unstrided = self.geometry.stride == (1, 1) and min(*back.top_left, *back.bottom_right) >= 0
        if unstrided and self._flipping_pays(dy, dx):
            call.ways.add("input gradient: flipped kernel")
            flipped = call.pool.scratch("flipped", (*W.shape[:2], W.shape[3], W.shape[2]))
            flipped[...] = W[::-1, ::-1].swapaxes(2, 3)
            Im2col(back).forward(dy, flipped, dx, call)
        else:
            call.ways.add("input gradient: col2im")
            self._col2im(dy, W, dx, call)

    @staticmethod
    def _flipping_pays(dy: Array, dx: Array) -> bool:
        """Flipping copies dy once a tap and turns the kernel; col2im adds to dx once a tap, at some twice the cost.

        Turning the kernel alone costs too much where there are few pixels for its channels.
        """
        channels, outputs = dx.shape[3], dy.shape[3]
        pixels = dy.size // outputs
        return bool(pixels >= 2 * channels and dx.size // channels * outputs <= 2 * pixels * channels)

    def _col2im(self, dy: Array, W: Array, dx: Array, call: Workspace) -> None:
        """Dcols = dy Wᵀ, scattered over the pixels that each window met.

        One product a tap, so that what a tap adds lies in one piece.
        """
        g, pool = self.geometry, call.pool
        (kh, kw), channels = g.kernel, W.shape[2]
        per_tap = W.reshape(kh * kw, channels, -1).transpose(0, 2, 1)
        images = self.images(kh * kw * channels, pool.tuning)
        call.note_blocks(len(dy), images)
        for start in range(0, len(dy), images):
            part = slice(start, min(start + images, len(dy)))
            rows = _rows(dy[part])
            by_tap = np.matmul(rows, per_tap, out=pool.scratch("cols", (kh * kw, len(rows), channels)))
            dcols = by_tap.reshape(kh, kw, -1, *g.out, channels).transpose(2, 3, 4, 0, 1, 5)
            part_dx = dx[part]
            padded = g.zeros(part_dx, pool)
            self._scatter(g, dcols, padded)
            g.unpadded(padded, part_dx)

    def images(self, columns: int, tuning: Tuning) -> int:
        """Images whose rows make one block."""
        return max(1, rows_of(columns, tuning) // (self.geometry.out[0] * self.geometry.out[1]))

    def _blocks(self, x: Array, call: Workspace) -> Iterator[tuple[tuple[slice, slice], Array]]:
        """Blocks of rows, and the part (images, rows of the output) that each belongs to."""
        pool = call.pool
        windows = self.geometry.windows(self.geometry.padded(x, pool))
        n, height, width = windows.shape[:3]
        columns = windows[0, 0, 0].size
        rows = rows_of(columns, pool.tuning)
        images = self.images(columns, pool.tuning)
        lines = height if height * width <= 2 * rows else max(1, rows // width)
        call.note_blocks(n, images)
        if lines < height:
            call.ways.add("blocks of lines, the last smaller" if height % lines else "blocks of lines")
        by_tap = x.shape[3] == 1 and width > self.geometry.kernel[1]
        if by_tap:
            call.ways.add("one channel, copied by tap")
        for start in range(0, n, images):
            for line in range(0, height, lines):
                part = (slice(start, start + images), slice(line, line + lines))
                view = windows[part]
                if by_tap:
                    # One channel: copied tap by tap, runs are as long as a row of the output, not of the kernel.
                    view = view.transpose(3, 4, 5, 0, 1, 2)
                    cols = pool.scratch("cols", view.shape)
                    np.copyto(cols, view)
                    yield part, cols.reshape(columns, -1).T
                else:
                    cols = pool.scratch("cols", view.shape)
                    np.copyto(cols, view)
                    yield part, cols.reshape(-1, columns)


def is_finite(product: Array, tuning: Tuning) -> bool:
    """Whether all was finite of which a matrix product was made, of numbers whose squares do not overflow.

    What is not, in a row of the left matrix, spreads over that row of the product, since it is multiplied by all the
    right one, zeros too; in a column of the right one over that column. So the first row and the first column show it.
    """
    row, column = product[0], product[:, 0]
    return float(row.dot(row)) + float(column.dot(column)) < tuning.not_finite


def rows_of(columns: int, tuning: Tuning) -> int:
    """Rows of so many columns that make one block."""
    return max(tuning.im2col_elements // columns, tuning.im2col_rows)


def _rows(part: Array) -> Array:
    """(..., O) as (rows, O) without a copy."""
    return part.reshape(-1, part.shape[-1])
