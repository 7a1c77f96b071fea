"""What is added around images, or at the ends of other axes."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import Pad


@computes(VECTORISED, Pad)
class PadKernel(Kernel[Pad, Call]):
    """Axis after axis, by a list of which place each place copies; -1 stands for the constant."""

    @staticmethod
    def copied(op: Pad, shape: tuple[int, ...]) -> list[list[int]]:
        """These lists, one an axis."""
        found = []
        for part, (before, after) in zip(op.kept(shape), op.added(len(shape)), strict=True):
            size = part.stop - part.start
            sources = [op.source(k, size) for k in range(-before, size + after)]
            found.append([-1 if k is None else part.start + k for k in sources])
        return found

    def forward(self, op: Pad, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        y = inputs[0]
        copied = self.copied(op, y.shape)
        for axis, sources in enumerate(copied):
            y = np.moveaxis(np.take(y, sources, axis), axis, 0)
            y[np.equal(sources, -1)] = op.value
            y = np.moveaxis(y, 0, axis)
        return y, (inputs[0].shape, copied)

    def backward(self, op: Pad, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        shape, copied = saved
        for axis, sources in enumerate(copied):
            dx = np.zeros((shape[axis] + 1, *np.moveaxis(dy, axis, 0).shape[1:]))  # the last is the constant's
            np.add.at(dx, sources, np.moveaxis(dy, axis, 0))
            dy = np.moveaxis(dx[:-1], 0, axis)
        return (dy,)
