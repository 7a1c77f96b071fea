"""Memory layout: arrays are canonical outside the engine, images N,C,H,W; inside, those of images are N,H,W,C.

Channels-last makes a 1x1 convolution one matrix product and im2col rows contiguous. It is a matter of the operations:
each kernel says in which layout it computes (`NumpyKernel.layout`). A value of rank 3 or more is kept channels-last,
axis 1 at the end, if operations on images take or make it, directly or through others that compute in any layout. A
value (N, T, D) that no such operation sees stays as it is. Values of rank 2 and less are the same in both layouts, and
those of whole numbers and truth values are always canonical.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from backproof.engines.kernel import AnyOp, Kernel, Kernels, Saved, Slopes
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays, Graph

Layout = Literal["channels_last", "canonical", "any", "each"]
"""What a kernel computes in.

"channels_last": images. "canonical": N,C,H,W; the engine turns what is not, before and after. "any": all its values in
one layout, whichever, but for those of fewer axes. "each": every value in the layout it has, as where elements are put
in another shape.
"""


def channels_last(array: Array) -> Array:
    """(N, C, H, W) seen as (N, H, W, C). By `transpose`, since `moveaxis` takes ten times as long to do the same."""
    rank = array.ndim
    return array.transpose(0, *range(2, rank), 1) if rank > 2 else array


def channels_first(array: Array) -> Array:
    """(N, H, W, C) seen as (N, C, H, W)."""
    rank = array.ndim
    return array.transpose(0, rank - 1, *range(1, rank - 1)) if rank > 2 else array


def canonical(array: Array, turned: bool) -> Array:
    """A value as it lies in memory, seen canonical."""
    return channels_first(array) if turned else array


def laid_out(shape: tuple[int, ...], turned: bool) -> tuple[int, ...]:
    """A canonical shape as a value of it lies in memory."""
    return (shape[0], *shape[2:], shape[1]) if turned and len(shape) > 2 else shape


def to_nhwc(array: Array, dtype: npt.DTypeLike) -> Array:
    """A canonical value channels-last, in this dtype and contiguous; the array itself where it is so already."""
    return np.ascontiguousarray(channels_last(array), dtype)


def to_nchw(array: Array) -> Array:
    """A copy of a channels-last value, canonical and contiguous."""
    return np.array(channels_first(array), order="C")


def axis_of(axis: int, rank: int, turned: bool) -> int:
    """Where the canonical `axis` of a value lies, counted from the end."""
    axis %= rank
    if turned and rank > 2 and axis:
        axis = rank - 1 if axis == 1 else axis - 1
    return axis - rank


def turned_values(graph: Graph, kernels: Kernels) -> frozenset[str]:
    """The names of the values that are kept channels-last."""
    kinds, shapes = graph.kinds, graph.shapes
    together = {name: name for name, shape in shapes.items() if len(shape) > 2 and kinds[name] == "float"}

    def root(name: str) -> str:
        while together[name] != name:
            name = together[name]
        return name

    images = set()
    for node in graph.nodes:
        values = [name for name in (*node.inputs, node.name) if name in together]
        layout = kernels[type(node.op)].layout
        if layout == "channels_last":
            images.update(values)
        elif layout == "any":
            alike = [name for name in values if len(shapes[name]) == len(node.shape)]
            for name in alike[1:]:
                together[root(name)] = root(alike[0])
    roots = {root(name) for name in images}
    return frozenset(name for name in together if root(name) in roots)


class Canonical(Kernel[AnyOp, Workspace]):
    """A kernel written for N,C,H,W among others that compute channels-last: turns what goes in and comes out."""

    def __init__(self, kernel: Kernel[AnyOp, Workspace]) -> None:
        self.kernel = kernel

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        call.ways.add("turned before and after")
        given = tuple(
            _copy(channels_first(x), f"canonical {i}", call) if turned else x
            for i, (x, turned) in enumerate(zip(inputs, call.turned, strict=True))
        )
        y, saved = self.kernel.forward(op, given, p, call)
        return _copy(channels_last(y), "turned", call) if call.output_turned else y, saved

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        dy = _copy(channels_first(dy), "canonical dy", call) if call.output_turned else dy
        dxs = self.kernel.backward(op, dy, saved, p, g, call)
        return tuple(
            _copy(channels_last(dx), f"turned {i}", call) if dx is not None and turned else dx
            for i, (dx, turned) in enumerate(zip(dxs, call.turned, strict=True))
        )


def _copy(array: Array, name: str, call: Workspace) -> Array:
    """`array`, contiguous in a borrowed buffer."""
    buffer = call.borrow(name, array.shape)
    buffer[...] = array
    return buffer


def fit(kernel: Kernel[AnyOp, Workspace], call: Workspace) -> Kernel[AnyOp, Workspace]:
    """The kernel, with the turning around it that it needs where its neighbours compute channels-last."""
    return Canonical(kernel) if kernel.layout == "canonical" and (call.output_turned or any(call.turned)) else kernel
