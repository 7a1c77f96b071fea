"""Rearranging, through views: NumPy copies from strides to strides, so no value has to be turned before.

Permute      y = x with its axes in another order     dx = dy with them in the old one
Slice        y = x[start:stop:step]                   dx = dy there, 0 elsewhere
Expand       y = x, broadcast                         dx = dy, summed over what it was broadcast to
IndexSelect  y = x[..., index, ...]                   dx = Σ dy over all that took the element
Take         y = x[..., indices, ...]                 likewise

What lies in memory as it should already, such as the first samples, is not copied at all.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import ClassVar

import numpy as np

from backproof.engines.kernel import AnyOp, Saved, Slopes, computes
from backproof.engines.numpy.broadcasting import sum_to
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import axis_of, canonical, channels_last, laid_out
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Expand, IndexSelect, Permute, Slice, Take
from backproof.ops.rearrange import require_places


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
        borrow = call.borrow_output if x.dtype.kind == "f" else partial(call.borrow_output, dtype=x.dtype)
        return self._in_one_piece(y, call.output_turned, borrow, call), (x.shape,)

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


@computes(KERNELS, Expand)
class ExpandKernel(Rearranging[Expand]):
    """Copies by strides of 0."""

    def view(self, op: Expand, x: Array, call: Workspace) -> Array:
        shape = op.bind(x.shape, call.samples)
        lacking = len(shape) - x.ndim
        # What is repeated once only stays a plain view, by whose base the engine knows whose memory it is.
        return x[(np.newaxis,) * lacking] if shape == (1,) * lacking + x.shape else np.broadcast_to(x, shape)

    def gradient(self, op: Expand, dy: Array, shape: tuple[int, ...], call: Workspace) -> Array:
        if dy.size == prod(shape):
            return dy.reshape(shape)
        dx = self.room_for_gradient(shape, call)
        sum_to(dy, dx)
        return dx


@computes(KERNELS, IndexSelect)
class IndexSelectKernel(NumpyKernel[IndexSelect]):
    """Rows along an axis."""

    layout: ClassVar = "any"

    def forward(self, op: IndexSelect, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        call.ways.add("channels last" if call.output_turned else "canonical")
        axis = x.ndim + axis_of(op.dim, x.ndim, call.output_turned)
        places = np.array(op.places(x.shape[axis]))
        return taken(x, places, axis, call), (x.shape, places, axis)

    def backward(self, op: IndexSelect, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        shape, places, axis = saved
        return (taken_back(dy, places, axis, shape, call),)


@computes(KERNELS, Take)
class TakeKernel(NumpyKernel[Take]):
    """Rows of a table, such as an embedding's."""

    layout: ClassVar = "canonical"

    def forward(self, op: Take, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        x, indices = inputs
        axis = op.dim % x.ndim
        places = require_places(indices, x.shape[axis], call.node)
        return taken(x, places, axis, call), (x.shape, places, axis)

    def backward(self, op: Take, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        shape, places, axis = saved
        rows = dy.reshape(*shape[:axis], places.size, *shape[axis + 1 :])
        return taken_back(rows, places.ravel(), axis, shape, call), None


def taken(x: Array, places: Array, axis: int, call: Workspace) -> Array:
    """x[..., places, ...] in the buffer for the output."""
    shape = (*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])
    y = call.borrow_output(shape, None if x.dtype.kind == "f" else x.dtype)
    return np.take(x, places, axis, out=y, mode="clip")  # without a mode NumPy takes a buffer more


def taken_back(dy: Array, places: Array, axis: int, shape: tuple[int, ...], call: Workspace) -> Array:
    """dx, of that shape, where y holds the `places` (n,) of x: of equal places the rows are summed."""
    dx = call.borrow_gradient(shape)
    dx[...] = 0
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    along = dx.swapaxes(0, axis)
    if len(starts) == len(places):
        call.ways.add("each element taken once")
        along[places] = dy.swapaxes(0, axis)
    else:
        call.ways.add("elements taken more than once")
        along[ordered[starts]] = np.add.reduceat(np.take(dy, order, axis), starts, axis).swapaxes(0, axis)
    return dx
