"""Rearranging, through views: NumPy copies from strides to strides, so no value has to be turned before.

Permute   y = x with its axes in another order     dx = dy with them in the old one
Slice     y = x[start:stop:step]                   dx = dy there, 0 elsewhere

What lies in memory as it should already, such as the first samples, is not copied at all.
"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from backproof.engines.kernel import AnyOp, Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import canonical, channels_last, laid_out
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Permute, Slice


class Rearranging(NumpyKernel[AnyOp]):
    """y is a view of x, and dx one of dy, or dy in a view of dx; each copied where it does not lie in one piece."""

    layout: ClassVar = "each"

    def view(self, op: AnyOp, x: Array, call: Workspace) -> Array:
        """y as a view of x."""
        raise NotImplementedError

    def gradient(self, op: AnyOp, dy: Array, shape: tuple[int, ...], call: Workspace) -> Array:
        """dx, of that shape, from dy; a view of dy, or what `room_for_gradient` gave."""
        raise NotImplementedError

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        x = canonical(inputs[0], call.turned[0])
        y = self.view(op, x, call)
        return self._in_one_piece(y, call.output_turned, call.borrow_output, call), (x.shape,)

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        (shape,) = saved
        dx = self.gradient(op, canonical(dy, call.output_turned), shape, call)
        return (self._in_one_piece(dx, call.turned[0], call.borrow_gradient, call),)

    @staticmethod
    def room_for_gradient(shape: tuple[int, ...], call: Workspace) -> Array:
        """A buffer for dx, in the layout that x has, seen canonical."""
        return canonical(call.borrow_gradient(laid_out(shape, call.turned[0])), call.turned[0])

    @staticmethod
    def _in_one_piece(array: Array, turned: bool, borrow: Callable[[tuple[int, ...]], Array], call: Workspace) -> Array:
        laid = channels_last(array) if turned else array
        if laid.flags.c_contiguous:
            call.ways.add("as it lies")
            return laid
        call.ways.add("copied")
        buffer = borrow(laid.shape)
        buffer[...] = laid
        return buffer


@computes(KERNELS, Permute)
class PermuteKernel(Rearranging[Permute]):
    """There and back."""

    def view(self, op: Permute, x: Array, call: Workspace) -> Array:
        return x.transpose(op.dims)

    def gradient(self, op: Permute, dy: Array, shape: tuple[int, ...], call: Workspace) -> Array:
        return dy.transpose(np.argsort(op.axes(dy.ndim)))


@computes(KERNELS, Slice)
class SliceKernel(Rearranging[Slice]):
    """What was left out has no gradient."""

    def view(self, op: Slice, x: Array, call: Workspace) -> Array:
        return x[op.slices(x.ndim)]

    def gradient(self, op: Slice, dy: Array, shape: tuple[int, ...], call: Workspace) -> Array:
        if dy.shape == shape and all(places.step == 1 for places in op.ranges(shape)):
            return dy
        dx = self.room_for_gradient(shape, call)
        dx[...] = 0
        dx[op.slices(dx.ndim)] = dy
        return dx
