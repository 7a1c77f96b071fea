"""Padding: rows and columns are copied from where the operation says, or hold the value.

y[n, i, j] = x[n, r(i), s(j)]        dx[n, r(i), s(j)] += dy[n, i, j]
"""

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Pad


@computes(KERNELS, Pad)
class PadKernel(NumpyKernel[Pad]):
    """The middle at once, then the few rows above and below, then the columns beside."""

    def forward(self, op: Pad, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        """y = x, and around it what the mode says."""
        (x,) = inputs
        left, right, top, bottom = op.sides
        n, height, width, channels = x.shape
        y = call.borrow_output((n, top + height + bottom, left + width + right, channels))
        y[:, top : top + height, left : left + width] = x
        for i in _outside(top, height, bottom):
            source = op.source(i - top, height)
            y[:, i] = op.value if source is None else y[:, top + source]
        for j in _outside(left, width, right):
            source = op.source(j - left, width)
            y[:, :, j] = op.value if source is None else y[:, :, left + source]
        return y, (x.shape,)

    def backward(self, op: Pad, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        """Forward in reverse: columns beside go back to their source, then rows, then the middle is left."""
        (shape,) = saved
        left, right, top, bottom = op.sides
        _, height, width, _ = shape
        rest = call.pool.scratch("padded", dy.shape)
        rest[...] = dy
        for j in _outside(left, width, right):
            source = op.source(j - left, width)
            if source is not None:
                rest[:, :, left + source] += rest[:, :, j]
        for i in _outside(top, height, bottom):
            source = op.source(i - top, height)
            if source is not None:
                rest[:, top + source] += rest[:, i]
        dx = call.borrow_gradient(shape)
        dx[...] = rest[:, top : top + height, left : left + width]
        return (dx,)


def _outside(before: int, size: int, after: int) -> list[int]:
    """The places along an axis that are not the image's."""
    return [*range(before), *range(before + size, before + size + after)]
