"""Pooling, tap by tap: the view of all pixels that one element of every window meets is one array.

MaxPool2d          y = max over taps of x             dy goes to the first tap that holds the maximum
AvgPool2d          y = (Σ over taps of x) / d         every tap gets dy / d
AdaptiveAvgPool2d  y = mean of x over a rectangle     every pixel of the rectangle gets dy / (its pixels)
AdaptiveMaxPool2d  y = max of x over a rectangle      dy goes to the first pixel that holds the maximum
"""

from functools import cache

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays, Shape
from backproof.ops import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from backproof.ops.pool import AdaptivePool


@cache
def window(op: MaxPool2d | AvgPool2d, shape: tuple[int, ...]) -> Geometry:
    """The windows of `op` on an input of this shape (N, H, W, C)."""
    n, height, width, channels = shape
    _, _, *out = op.output_shape(Shape("N", channels, height, width)).bind(n)
    top, _, left, _ = op.sides
    return Geometry((height, width), (out[0], out[1]), op.kernel_size, op.stride, op.dilation, (top, left))


def taps(geometry: Geometry) -> list[tuple[int, int]]:
    """The elements of a window, row by row."""
    return [(i, j) for i in range(geometry.kernel[0]) for j in range(geometry.kernel[1])]


@computes(KERNELS, MaxPool2d)
class MaxPool2dKernel(NumpyKernel[MaxPool2d]):
    """Which tap holds the maximum is kept as a small whole number, of equal ones the first. A NaN is the largest.

    So it is of NaNs the last that wins, as PyTorch's, whose comparison is x > largest or x is NaN.
    """

    def forward(self, op: MaxPool2d, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        g = window(op, x.shape)
        shape = (len(x), *g.out, x.shape[3])
        padded = g.padded(x, call.pool, -np.inf)
        y = call.borrow_output(shape)
        winner = call.borrow("winner", shape, np.uint8 if len(taps(g)) < call.pool.tuning.pool_taps else np.uint16)
        self.find(g, padded, y, winner, call)
        return y, (winner, x.shape)

    def backward(self, op: MaxPool2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        winner, shape = saved
        geometry = window(op, shape)
        dx = call.borrow_gradient(shape)
        padded = geometry.zeros(dx, call.pool)
        self.hand_back(geometry, dy, winner, padded, call)
        geometry.unpadded(padded, dx)
        return (dx,)

    def find(self, g: Geometry, padded: Array, y: Array, winner: Array, call: Workspace) -> None:
        """Fill y with the maxima and `winner` with their taps."""
        blocks = _blocks(y, call)
        if y.shape[3] < call.pool.tuning.pool_channels:
            call.ways.add("few channels: taps copied")
        if winner.dtype != np.uint8:
            call.ways.add("winners of two bytes")
        code = call.borrow("code", y[blocks[0]].shape, winner.dtype)
        for images in blocks:
            self._find_in(g, padded[images], y[images], winner[images], code[: len(y[images])], call)
        if not abs(np.add.reduce(y, axis=None)) < call.pool.tuning.not_finite:  # a rare case
            call.ways.add("winners looked at again")
            self._settle(g, padded, y, winner)

    @staticmethod
    def _find_in(g: Geometry, padded: Array, y: Array, winner: Array, code: Array, call: Workspace) -> None:
        """The same for some images: a later tap takes over where it is larger."""
        larger = call.pool.mask(y.shape)
        np.copyto(y, g.tap(padded, 0, 0))
        winner[...] = 0
        for number, (i, j) in enumerate(taps(g)[1:], start=1):
            tap = g.tap(padded, i, j)
            if y.shape[3] < call.pool.tuning.pool_channels:
                piece = call.pool.scratch("tap", y.shape)
                np.copyto(piece, tap)
                tap = piece
            np.greater(tap, y, out=larger)
            np.maximum(y, tap, out=y)
            np.multiply(larger.view(np.uint8), winner.dtype.type(number), out=code)
            np.maximum(winner, code, out=winner)  # numbers grow, so the last to take over is the largest

    @staticmethod
    def _settle(g: Geometry, padded: Array, y: Array, winner: Array) -> None:
        """The winners that comparisons have passed over: the last NaN, and of pixels that are all -∞ the first.

        A window of them may begin in the padding, which is -∞ too.
        """
        numbered = [*enumerate(taps(g))]
        for number, (i, j) in numbered:
            np.copyto(winner, winner.dtype.type(number), where=np.isnan(g.tap(padded, i, j)))
        least = y == -np.inf
        for number, (i, j) in reversed(numbered):
            np.copyto(winner, winner.dtype.type(number), where=least & g.meets(i, j)[:, :, None])

    def hand_back(self, g: Geometry, dy: Array, winner: Array, padded: Array, call: Workspace) -> None:
        """Add each dy to the pixel of `padded`, 0 as yet, that its winner met."""
        call.ways.add("windows overlap" if g.overlaps else "windows apart")
        for images in _blocks(dy, call):
            share, won = call.pool.scratch("share", dy[images].shape), call.pool.mask(dy[images].shape)
            for number, (i, j) in enumerate(taps(g)):
                np.equal(winner[images], number, out=won)
                np.multiply(dy[images], won, out=share)
                tap = g.tap(padded[images], i, j)
                np.add(tap, share, out=tap) if g.overlaps else np.copyto(tap, share)


def _blocks(y: Array, call: Workspace) -> list[slice]:
    """The images of (N, H, W, C), as many at a time as `pool_elements` says."""
    count = max(1, call.pool.tuning.pool_elements // y[0].size)
    call.note_blocks(len(y), count)
    return [slice(start, min(start + count, len(y))) for start in range(0, len(y), count)]


@cache
def divisors(op: AvgPool2d, geometry: Geometry, dtype: str) -> Array:
    """1 / d of every window, (Ho, Wo, 1)."""
    if op.divisor_override is not None:
        return np.full((*geometry.out, 1), 1 / op.divisor_override, dtype)
    counts = []
    for axis in (0, 1):
        before, after = op.sides[2 * axis : 2 * axis + 2]
        start = np.arange(geometry.out[axis])[:, None] * op.stride[axis] - before
        taps = start + np.arange(op.kernel_size[axis]) * op.dilation[axis]
        if not op.count_include_pad:
            before = after = 0
        counts.append(np.sum((taps >= -before) & (taps < geometry.size[axis] + after), axis=1))
    rows, columns = counts
    return np.asarray(1 / np.outer(rows, columns)[:, :, None], dtype)


@computes(KERNELS, AvgPool2d)
class AvgPool2dKernel(NumpyKernel[AvgPool2d]):
    """Sums over taps, scaled window by window."""

    def forward(self, op: AvgPool2d, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        g = window(op, x.shape)
        padded = g.padded(x, call.pool)
        y = call.borrow_output((len(x), *g.out, x.shape[3]))
        y[...] = 0
        for i, j in taps(g):
            y += g.tap(padded, i, j)
        y *= divisors(op, g, x.dtype.str)
        return y, (x.shape,)

    def backward(self, op: AvgPool2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        (shape,) = saved
        geometry = window(op, shape)
        dx = call.borrow_gradient(shape)
        padded = geometry.zeros(dx, call.pool)
        share = np.multiply(dy, divisors(op, geometry, dy.dtype.str), out=call.pool.scratch("share", dy.shape))
        for i, j in taps(geometry):
            tap = geometry.tap(padded, i, j)
            tap += share
        geometry.unpadded(padded, dx)
        return (dx,)


def rectangles(op: AdaptivePool, height: int, width: int) -> list[tuple[int, int, slice, slice]]:
    """Every output pixel (i, j), and the rows and columns of its window."""
    out_height, out_width = op.output_size
    return [
        (i, j, slice(*op.window(i, height, out_height)), slice(*op.window(j, width, out_width)))
        for i in range(out_height)
        for j in range(out_width)
    ]


@computes(KERNELS, AdaptiveAvgPool2d)
class AdaptiveAvgPool2dKernel(NumpyKernel[AdaptiveAvgPool2d]):
    """One rectangle an output pixel; few outputs, so a loop over them."""

    def forward(
        self, op: AdaptiveAvgPool2d, inputs: tuple[Array, ...], p: Arrays, call: Workspace
    ) -> tuple[Array, Saved]:
        (x,) = inputs
        y = call.borrow_output((len(x), *op.output_size, x.shape[3]))
        for i, j, rows, columns in rectangles(op, *x.shape[1:3]):
            np.mean(x[:, rows, columns], axis=(1, 2), out=y[:, i, j])
        return y, (x.shape,)

    def backward(self, op: AdaptiveAvgPool2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        (shape,) = saved
        dx = call.borrow_gradient(shape)
        dx[...] = 0
        for i, j, rows, columns in rectangles(op, *shape[1:3]):
            pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
            dx[:, rows, columns] += (dy[:, i, j] / pixels)[:, None, None]
        return (dx,)


@computes(KERNELS, AdaptiveMaxPool2d)
class AdaptiveMaxPool2dKernel(NumpyKernel[AdaptiveMaxPool2d]):
    """One rectangle an output pixel, whose pixels are numbered row by row; which one is the largest is kept."""

    def forward(
        self, op: AdaptiveMaxPool2d, inputs: tuple[Array, ...], p: Arrays, call: Workspace
    ) -> tuple[Array, Saved]:
        (x,) = inputs
        n, height, width, channels = x.shape
        y = call.borrow_output((n, *op.output_size, channels))
        winner = call.borrow("winner", y.shape, np.int64)
        for i, j, rows, columns in rectangles(op, height, width):
            pixels = x[:, rows, columns].reshape(n, -1, channels)
            winner[:, i, j] = np.argmax(pixels, axis=1)
            np.max(pixels, axis=1, out=y[:, i, j])
        return y, (winner, x.shape)

    def backward(self, op: AdaptiveMaxPool2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        winner, shape = saved
        dx = call.borrow_gradient(shape)
        dx[...] = 0
        samples, channels = np.ix_(range(shape[0]), range(shape[3]))
        for i, j, rows, columns in rectangles(op, *shape[1:3]):
            down, across = np.divmod(winner[:, i, j], columns.stop - columns.start)
            dx[samples, rows.start + down, columns.start + across, channels] += dy[:, i, j]
        return (dx,)
