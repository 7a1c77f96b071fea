"""Operations on several inputs."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Concat, WeightedSum

Index = tuple[int, ...]


@computes(KERNELS, Concat)
class ConcatKernel(Kernel[Concat, Call]):
    """y[..., offset + c, ...] = x[..., c, ...], where the offset of an input is the sum of the widths before it.

    c counts along the axis.   ∂L/∂x[..., c, ...] = dy[..., offset + c, ...]: each input gets its own part back.
    """

    @staticmethod
    def moved(i: Index, axis: int, offset: int) -> Index:
        """Where the element i of an input with that offset stands in y."""
        return tuple(place + offset if k == axis else place for k, place in enumerate(i))

    def forward(self, op: Concat, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        first = inputs[0]
        axis = op.axis % first.ndim
        widths = [x.shape[axis] for x in inputs]
        y = np.zeros((*first.shape[:axis], sum(widths), *first.shape[axis + 1 :]), first.dtype)
        offset = 0
        for x, width in zip(inputs, widths, strict=True):
            for i in np.ndindex(x.shape):
                y[self.moved(i, axis, offset)] = x[i]
            offset += width
        return y, (widths,)

    def backward(self, op: Concat, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (widths,) = saved
        axis = op.axis % dy.ndim
        dxs = []
        offset = 0
        for width in widths:
            dx = np.zeros((*dy.shape[:axis], width, *dy.shape[axis + 1 :]))
            for i in np.ndindex(dx.shape):
                dx[i] = dy[self.moved(i, axis, offset)]
            dxs.append(dx)
            offset += width
        return tuple(dxs)


@computes(KERNELS, WeightedSum)
class WeightedSumKernel(Kernel[WeightedSum, Call]):
    """y[i] = Σₖ w[k] xₖ[i]   so   ∂L/∂xₖ[i] = w[k] dy[i]."""

    def forward(self, op: WeightedSum, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        y = np.zeros(inputs[0].shape)
        for w, x in zip(op.weights, inputs, strict=True):
            for i in np.ndindex(y.shape):
                y[i] += w * x[i]
        return y, ()

    def backward(self, op: WeightedSum, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        dxs = tuple(np.zeros(dy.shape) for _ in op.weights)
        for w, dx in zip(op.weights, dxs, strict=True):
            for i in np.ndindex(dy.shape):
                dx[i] = w * dy[i]
        return dxs
