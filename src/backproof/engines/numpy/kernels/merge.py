"""Merging branches.

WeightedSum    y = Σ w x          dx = w dy
Concat    y = [a | b | ...]       each input gets its own columns of dy
"""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import axis_of
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Concat, WeightedSum


@computes(KERNELS, Concat)
class ConcatKernel(NumpyKernel[Concat]):
    """Side by side along an axis."""

    layout: ClassVar = "any"

    def forward(self, op: Concat, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        """y = [a | b | ...]."""
        call.ways.add("channels last" if call.output_turned else "canonical")
        axis = axis_of(op.axis, inputs[0].ndim, call.output_turned)
        widths = tuple(x.shape[axis] for x in inputs)
        first = inputs[0]
        dtype = None if first.dtype.kind == "f" else first.dtype
        y = call.borrow_output(_wide(first.shape, axis, sum(widths)), dtype)
        np.concatenate(inputs, axis=axis, out=y)
        return y, (axis, widths)

    def backward(self, op: Concat, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        """Cut dy at the seams, each piece made contiguous for the matrix products to come."""
        axis, widths = saved
        pieces: list[Array | None] = []
        start = 0
        for i, width in enumerate(widths):
            piece = None
            if call.wants[i]:
                piece = call.borrow_gradient(_wide(dy.shape, axis, width))
                piece[...] = dy[(..., slice(start, start + width), *(slice(None),) * (-1 - axis))]
            pieces.append(piece)
            start += width
        return tuple(pieces)


def _wide(shape: tuple[int, ...], axis: int, width: int) -> tuple[int, ...]:
    """`shape` with another width along `axis`, counted from the end."""
    axis += len(shape)
    return (*shape[:axis], width, *shape[axis + 1 :])


@computes(KERNELS, WeightedSum)
class WeightedSumKernel(NumpyKernel[WeightedSum]):
    """Several losses, which are scalars, or arrays of any equal shape."""

    layout: ClassVar = "any"

    def forward(self, op: WeightedSum, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        y = np.multiply(inputs[0], op.weights[0], out=call.borrow_output(inputs[0].shape))
        for w, x in zip(op.weights[1:], inputs[1:], strict=True):
            y += w * x
        return y, ()

    def backward(self, op: WeightedSum, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        return tuple(
            np.multiply(dy, w, out=call.borrow_gradient(dy.shape)) if wanted else None
            for w, wanted in zip(op.weights, call.wants, strict=True)
        )
