"""What is added around images, or at the ends of other axes."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays, Shape
from backproof.ops import Pad

Index = tuple[int, ...]


@computes(KERNELS, Pad)
class PadKernel(Kernel[Pad, Call]):
    """y[n,c,i,j] = x[n,c,row,column], the pixel that the mode copies to (i, j), or the constant; so on any axes.

    ∂y/∂x is 1 for the pixel that was copied, and the constant depends on none, so

        ∂L/∂x[n,c,row,column] = Σ dy[n,c,i,j]    over all (i, j) that it was copied to
    """

    @staticmethod
    def _source(op: Pad, i: Index, shape: Index) -> Index | None:
        """Where in x lies what is copied to i; None: the constant."""
        found = []
        for place, part, (before, _) in zip(i, op.kept(shape), op.added(len(shape)), strict=True):
            source = op.source(place - before, part.stop - part.start)
            if source is None:
                return None
            found.append(part.start + source)
        return tuple(found)

    def forward(self, op: Pad, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = np.zeros(op.output_shape(Shape(*x.shape)).bind(1))
        for i in np.ndindex(y.shape):
            source = self._source(op, i, x.shape)
            y[i] = op.value if source is None else x[source]
        return y, (x.shape,)

    def backward(self, op: Pad, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        dx = np.zeros(shape)
        for i in np.ndindex(dy.shape):
            source = self._source(op, i, shape)
            if source is not None:
                dx[source] += dy[i]
        return (dx,)
