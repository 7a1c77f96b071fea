"""Merging branches.

Add       y = a + b               da = db = dy               each summed over where it was broadcast to
Mul       y = a b                 da = dy b,  db = dy a      likewise
WeightedSum    y = Σ w x          dx = w dy
Concat    y = [a | b | ...]       each input gets its own columns of dy
"""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import axis_of, channels_first, channels_last
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Add, Concat, Mul, WeightedSum


@computes(KERNELS, Add)
class AddKernel(NumpyKernel[Add]):
    """The sum rule."""

    layout: ClassVar = "any"

    def forward(self, op: Add, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        a, b = _aligned(inputs, call)
        return np.add(a, b, out=call.borrow_output(_whole(inputs))), inputs

    def backward(self, op: Add, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        """The same buffer to both, which nobody writes to."""
        return tuple(_summed(dy, x, call) if wanted else None for x, wanted in zip(saved, call.wants, strict=True))


@computes(KERNELS, Mul)
class MulKernel(NumpyKernel[Mul]):
    """The product rule."""

    layout: ClassVar = "any"

    def forward(self, op: Mul, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        a, b = _aligned(inputs, call)
        return np.multiply(a, b, out=call.borrow_output(_whole(inputs))), inputs

    def backward(self, op: Mul, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        a, b = _aligned(saved, call)
        return tuple(
            self._slope(dy, other, x, call) if wanted else None
            for x, other, wanted in zip(saved, (b, a), call.wants, strict=True)
        )

    @staticmethod
    def _slope(dy: Array, other: Array, x: Array, call: Workspace) -> Array:
        full = x.ndim == dy.ndim
        room = call.borrow_gradient(dy.shape) if full else call.pool.scratch("product", dy.shape)
        return _summed(np.multiply(dy, other, out=room), x, call)


def _whole(inputs: tuple[Array, ...]) -> tuple[int, ...]:
    """The shape of the input with the batch, or of both."""
    a, b = inputs
    return a.shape if a.ndim >= b.ndim else b.shape


def _aligned(inputs: tuple[Array, ...], call: Workspace) -> tuple[Array, ...]:
    """Seen so that they broadcast: an input without a batch axis, which is canonical, as the other one is laid out."""
    a, b = inputs
    if a.ndim == b.ndim or not call.output_turned:
        return inputs
    call.ways.add("broadcast to channels last")
    rank = max(a.ndim, b.ndim)
    return tuple(x if x.ndim == rank else channels_last(x.reshape((1,) * (rank - x.ndim) + x.shape)) for x in inputs)


def _summed(dy: Array, x: Array, call: Workspace) -> Array:
    """The gradient of x from that of what it was broadcast to: dy summed over all places where x stood."""
    if x.ndim == dy.ndim:
        return dy
    call.ways.add("gradient summed over the batch")
    spread = (1,) * (dy.ndim - x.ndim) + x.shape
    dx = call.borrow("broadcast", x.shape)
    axes = tuple(axis for axis, size in enumerate(spread) if size == 1)
    np.sum(channels_first(dy) if call.output_turned else dy, axis=axes, keepdims=True, out=dx.reshape(spread))
    return dx


@computes(KERNELS, Concat)
class ConcatKernel(NumpyKernel[Concat]):
    """Side by side along an axis."""

    layout: ClassVar = "any"

    def forward(self, op: Concat, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        """y = [a | b | ...]."""
        call.ways.add("channels last" if call.output_turned else "canonical")
        axis = axis_of(op.axis, inputs[0].ndim, call.output_turned)
        widths = tuple(x.shape[axis] for x in inputs)
        y = call.borrow_output(_wide(inputs[0].shape, axis, sum(widths)))
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
