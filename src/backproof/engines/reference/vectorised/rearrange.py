"""Operations that only rearrange."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.arithmetic import summed
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import Expand, IndexSelect, Permute, Slice, Take
from backproof.ops.rearrange import require_places


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


@computes(VECTORISED, Expand)
class ExpandKernel(Kernel[Expand, Call]):
    """x, broadcast, and dy summed over what it was broadcast to."""

    def forward(self, op: Expand, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        return np.broadcast_to(x, op.bind(x.shape, call.samples)), (x.shape,)

    def backward(self, op: Expand, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (summed(dy, saved[0]),)


def taken_back(dy: Array, places: Array, shape: tuple[int, ...], axis: int) -> Array:
    """dx, of that shape, where y holds the `places` of x along the axis; `places` may have any number of axes."""
    dx = np.zeros(shape)
    rows = np.moveaxis(dy, range(axis, axis + places.ndim), range(places.ndim))
    np.add.at(np.moveaxis(dx, axis, 0), places, rows)
    return dx


@computes(VECTORISED, IndexSelect)
class IndexSelectKernel(Kernel[IndexSelect, Call]):
    """y = x[..., index, ...], and dx the sum of what each element gave."""

    def forward(self, op: IndexSelect, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        return np.take(x, op.index, op.dim), (x.shape,)

    def backward(self, op: IndexSelect, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (taken_back(dy, np.array(op.index), saved[0], op.dim % dy.ndim),)


@computes(VECTORISED, Take)
class TakeKernel(Kernel[Take, Call]):
    """y = x[..., t, ...], likewise."""

    def forward(self, op: Take, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        x, t = inputs
        t = require_places(t, x.shape[op.dim], call.node)
        return np.asarray(np.take(x, t, op.dim)), (x.shape, t)

    def backward(self, op: Take, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        shape, t = saved
        return taken_back(dy, t, shape, op.dim % len(shape)), None
