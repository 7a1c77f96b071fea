"""Operations that only rearrange."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import Permute, Slice


@computes(VECTORISED, Permute)
class PermuteKernel(Kernel[Permute, Call]):
    """The axes in another order, and back."""

    def forward(self, op: Permute, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        return np.transpose(inputs[0], op.dims), ()

    def backward(self, op: Permute, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (np.transpose(dy, np.argsort(op.axes(dy.ndim))),)


@computes(VECTORISED, Slice)
class SliceKernel(Kernel[Slice, Call]):
    """y = x[start:stop:step], and dx is dy there, and 0 elsewhere."""

    def forward(self, op: Slice, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        return x[op.slices(x.ndim)], (x.shape,)

    def backward(self, op: Slice, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        dx = np.zeros(shape)
        dx[op.slices(dx.ndim)] = dy
        return (dx,)
