"""Flatten, Reshape and View: the same numbers under another shape.

    dx = dy in the shape of x

Their order is the canonical one, channels first, so what is channels-last is turned, before or after; a copy, unless
there is one channel or nothing to turn.
"""

from typing import ClassVar

from backproof.engines.kernel import AnyOp, Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import channels_first, channels_last
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Flatten, Reshape, View


class _Rearrange(NumpyKernel[AnyOp]):
    """x -> canonical -> new shape -> as the output is kept, and the same way back."""

    layout: ClassVar = "each"

    def shape(self, op: AnyOp, x: Array, call: Workspace) -> tuple[int, ...]:
        """The canonical shape of the output."""
        raise NotImplementedError

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        if call.turned[0] or call.output_turned:
            call.ways.add("turned")
        canonical = channels_first(x) if call.turned[0] else x
        y = _contiguous(canonical, "flat", call).reshape(self.shape(op, x, call))
        return _contiguous(channels_last(y), "y", call) if call.output_turned else y, (canonical.shape,)

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        (before,) = saved
        canonical = channels_first(dy) if call.output_turned else dy
        dx = _contiguous(canonical, "dflat", call).reshape(before)
        return (_contiguous(channels_last(dx), "dx", call) if call.turned[0] else dx,)


def _contiguous(array: Array, name: str, call: Workspace) -> Array:
    """The array itself if it is contiguous, else a copy in a borrowed buffer."""
    if array.flags.c_contiguous:
        return array
    buffer = call.borrow(name, array.shape)
    buffer[...] = array
    return buffer


@computes(KERNELS, Flatten)
class FlattenKernel(_Rearrange[Flatten]):
    """(N, C, H, W) -> (N, C·H·W)."""

    def shape(self, op: Flatten, x: Array, call: Workspace) -> tuple[int, ...]:
        return (len(x), -1)


@computes(KERNELS, Reshape)
class ReshapeKernel(_Rearrange[Reshape]):
    """(N, ...) -> (N, *shape)."""

    def shape(self, op: Reshape, x: Array, call: Workspace) -> tuple[int, ...]:
        return (len(x), *op.shape)


@computes(KERNELS, View)
class ViewKernel(_Rearrange[View]):
    """Any shape of as many elements."""

    def shape(self, op: View, x: Array, call: Workspace) -> tuple[int, ...]:
        return op.bind(call.samples)
