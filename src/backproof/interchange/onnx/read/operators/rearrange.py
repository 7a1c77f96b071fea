"""Operators that rearrange: shapes, parts, copies. Those of sizes alone are computed while reading (`fold.py`)."""

from collections.abc import Sequence

import numpy as np

from backproof.errors import ModelError
from backproof.graph import BATCH, Shape
from backproof.graph.shape import Dim
from backproof.interchange.onnx.read.call import Call, imports, shape_at
from backproof.interchange.onnx.read.tensor import array_of
from backproof.interchange.onnx.read.values import BATCHES, Edge, Given, Known, Weight
from backproof.ops import Concat, Expand, Flatten, IndexSelect, Permute, Slice, Take, View

INDICES = 4096
"""So many constant indices stand in the network as attributes; more are kept as a constant beside the weights."""


def view(call: Call, x: Edge, dims: Sequence[Dim], suffix: str = "") -> Edge:
    """`x` under another shape, by the plainest operation."""
    if x.shape[:1] == (BATCH,) and len(x.shape) > 1 and tuple(dims) == (BATCH, x.shape.size):
        return x if len(x.shape) == 2 else call.add(Flatten(), x, suffix=suffix)
    return call.add(View(tuple(dims)), x, suffix=suffix)


def joined(dims: Sequence[Dim]) -> Dim:
    """The product of dimensions."""
    shape = Shape(*dims)
    return (f"{shape.size}N" if shape.size > 1 else "N") if shape.has_batch else shape.size


@imports("Identity")
def identity(call: Call) -> Given:
    """The same value. Exporters keep equal weights once and name the others by `Identity`: each is its own again."""
    given = call.given(0)
    return Weight(given.array, call.node.output[0]) if isinstance(given, Weight) else given


@imports("Constant")
def constant(call: Call) -> Given:
    """An array, in one of several attributes."""
    given = [a.name for a in call.node.attribute]
    if len(given) != 1:
        raise ModelError(f"Constant has one value, not {len(given)}")
    (name,) = given
    if name == "value":
        return Known.of(array_of(call[name], None, "its value"))
    if name in ("value_float", "value_floats"):
        return Known.of(np.array(call[name], dtype=np.float32))
    if name in ("value_int", "value_ints"):
        return Known.of(np.array(call[name], dtype=np.int64))
    raise ModelError(f"a constant of the kind {name} is no array of numbers")


@imports("Shape")
def shape(call: Call) -> Known:
    """The sizes, from axis `start` to `end`."""
    start, end = call["start"] or 0, call["end"]
    a, b = shape_at(call.shape()).at
    return Known((a[start:end], b[start:end]))


@imports("Size")
def size(call: Call) -> Known:
    """How many numbers there are."""
    a, b = (np.array(np.prod(call.shape().bind(n), dtype=object), dtype=np.int64) for n in BATCHES)
    return Known((a, b))


@imports("ConstantOfShape")
def constant_of_shape(call: Call) -> Edge:
    """One number all over, here of a size that depends on the batch."""
    value = np.float32(0) if call["value"] is None else array_of(call["value"], None, "its value").reshape(())
    dims = call.dims(0)
    one = call.constant(np.asarray(value).reshape((1,) * len(dims)), "value")
    return call.add(Expand(dims), one)


@imports("Reshape")
def reshape(call: Call) -> Edge:
    """To dimensions of which 0 says that it stays, unless `allowzero`, and -1 that it is what the others leave."""
    x, dims = call.edge(), list(call.dims(1))
    if not call["allowzero"]:
        if any(dim == 0 and axis >= len(x.shape) for axis, dim in enumerate(dims)):
            raise ModelError(f"it keeps an axis that {x.shape} does not have")
        dims = [x.shape[axis] if dim == 0 else dim for axis, dim in enumerate(dims)]
    return view(call, x, _without_open(x.shape, dims))


def _without_open(shape: Shape, dims: Sequence[Dim]) -> list[Dim]:
    """The dimensions with what -1 comes to."""
    if -1 not in dims:
        return list(dims)
    others = Shape(*(dim for dim in dims if dim != -1))
    left = shape.size // others.size
    open_batch = shape.has_batch and not others.has_batch
    return [joined((left, BATCH)) if dim == -1 and open_batch else left if dim == -1 else dim for dim in dims]


@imports("Flatten")
def flatten(call: Call) -> Edge:
    """To two axes: those before `axis`, and the others."""
    x, axis = call.edge(), call["axis"]
    if not -call.rank() <= axis <= call.rank():
        raise ModelError(f"axis {axis} does not fit {x.shape}")
    axis += call.rank() if axis < 0 else 0
    return view(call, x, (joined(x.shape[:axis]), joined(x.shape[axis:])))


@imports("Squeeze")
def squeeze(call: Call) -> Edge:
    """Without axes of size 1: those that are named, or all."""
    x, listed = call.edge(), call.listed("axes", 1)
    axes = [i for i, dim in enumerate(x.shape) if dim == 1] if listed is None else [call.axis(a) for a in listed]
    if any(x.shape[axis] != 1 for axis in axes):
        raise ModelError(f"the axes {axes} of {x.shape} are not all of size 1")
    return view(call, x, [dim for axis, dim in enumerate(x.shape) if axis not in axes])


@imports("Unsqueeze")
def unsqueeze(call: Call) -> Edge:
    """With further axes of size 1, at these places of the output."""
    x, listed = call.edge(), call.listed("axes", 1) or []
    rank = call.rank() + len(listed)
    if any(not -rank <= axis < rank for axis in listed) or len({axis % rank for axis in listed}) < len(listed):
        raise ModelError(f"the axes {listed} do not fit an output of {rank}")
    dims = iter(x.shape)
    places = {axis % rank for axis in listed}
    return view(call, x, [1 if axis in places else next(dims) for axis in range(rank)])


@imports("Transpose")
def transpose(call: Call) -> Edge:
    """Axes in another order, the reverse one if none is given."""
    order = call["perm"] or range(call.rank())[::-1]
    return call.add(Permute(tuple(order)), call.edge())


@imports("Concat")
def concat(call: Call) -> Edge:
    """Side by side along an axis."""
    edges = call.edges
    return edges[0] if len(edges) == 1 else call.add(Concat(call.axis(call["axis"])), *edges)


@imports("Split")
def split(call: Call) -> list[Edge | None]:
    """Parts along an axis: of given sizes, or equal ones, of which the last may be smaller."""
    x, axis = call.edge(), call.axis(call["axis"])
    count = len(call.node.output)
    size = x.shape.fixed(axis)
    sizes = call.listed("split", 1)
    if not sizes:
        if (call["num_outputs"] or count) != count or (call.version < 18 and size % count):
            raise ModelError(f"{size} cannot be split into {count} parts")
        part = -(-size // count)
        sizes = [part] * (count - 1) + [size - part * (count - 1)]
    if len(sizes) != count or sum(sizes) != size or min(sizes) < 1:
        raise ModelError(f"{size} cannot be split into {sizes}, for {count} outputs")
    ends = np.cumsum(sizes).tolist()
    return [
        call.add(Slice(axis, end - part, end), x, suffix=str(place)) if call.wanted(place) else None
        for place, (part, end) in enumerate(zip(sizes, ends, strict=True))
    ]


@imports("Slice")
def slice_(call: Call) -> Edge:
    """From `starts` to `ends` by `steps`; attributes up to opset 9, then inputs, which may depend on the batch."""
    x = call.edge()
    if call.version < 10:
        starts, ends, axes, steps = call["starts"], call["ends"], call["axes"], None
    else:
        starts, ends = call.dims(1), call.dims(2)
        axes = call.numbers(3) if call.has(3) else None
        steps = call.numbers(4) if call.has(4) else None
    axes = [call.axis(a) for a in (range(len(starts)) if axes is None else axes)]
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ModelError(f"it has {len(starts)} starts, {len(ends)} ends, {len(axes)} axes and {len(steps)} steps")
    kept = [
        (axis, start, None if end == x.shape[axis] and step > 0 else end, step)
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
    ]
    kept = [part for part in kept if part[1:] != (0, None, 1)]
    if any(isinstance(bound, str) for part in kept for bound in part):
        raise ModelError("it takes a part whose size depends on the batch")
    if not kept:
        return x
    dims, begin, stop, step = zip(*kept, strict=True)
    return call.add(Slice(dims, begin, stop, step), x)


@imports("Gather")
def gather(call: Call) -> Edge:
    """x at places along an axis. Places that are known become a slice or a selection, others are looked up."""
    x, axis, indices = call.edge(), call.axis(call["axis"]), call.given(1)
    if not isinstance(indices, Known) or not indices.fixed or indices.array.size > INDICES:
        return call.add(Take(axis), x, call.edge(1))
    places = indices.array
    if places.ndim == 0:
        place = int(places)
        one = call.add(Slice(axis, place, place + 1 or None), x, suffix="slice")
        return view(call, one, [*x.shape[:axis], *x.shape[axis + 1 :]])
    selection = IndexSelect(axis, tuple(places.reshape(-1).tolist()))
    if places.ndim == 1:
        return call.add(selection, x)
    chosen = call.add(selection, x, suffix="select")
    return view(call, chosen, [*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]])


@imports("Expand")
def expand(call: Call) -> Edge:
    """Broadcast to a shape, or what both broadcast to."""
    x, dims = call.edge(), call.dims(1)
    rank = max(len(x.shape), len(dims))
    own, asked = (1,) * (rank - len(x.shape)) + tuple(x.shape), (1,) * (rank - len(dims)) + tuple(dims)
    if any(a != b and 1 not in (a, b) for a, b in zip(own, asked, strict=True)):
        raise ModelError(f"{x.shape} cannot be broadcast to ({', '.join(map(str, dims))})")
    target = tuple(b if a == 1 else a for a, b in zip(own, asked, strict=True))
    return x if target == tuple(x.shape) else call.add(Expand(target), x)


@imports("Tile")
def tile(call: Call) -> Edge:
    """Copies side by side along each axis: each axis gets one before it, which is expanded and joined with it."""
    x, repeats = call.edge(), call.numbers(1)
    if len(repeats) != call.rank():
        raise ModelError(f"it repeats {len(repeats)} axes of {x.shape}")
    between = call.add(View(tuple(d for dim in x.shape for d in (1, dim))), x, suffix="between")
    copies = tuple(d for dim, times in zip(x.shape, repeats, strict=True) for d in (times, dim))
    whole = call.add(Expand(copies), between, suffix="expand")
    return call.add(View(tuple(joined(pair) for pair in zip(repeats, x.shape, strict=True))), whole)


@imports("DepthToSpace", "SpaceToDepth")
def blocks(call: Call) -> Edge:
    """Channels into blocks of pixels (PyTorch's pixel_shuffle is the mode CRD), or back."""
    x, b = call.edge(), call["blocksize"]
    n, channels, height, width = x.shape
    if call.node.op_type == "SpaceToDepth":
        cut = [n, channels, int(height) // b, b, int(width) // b, b]
        order = (0, 1, 3, 5, 2, 4) if call["mode"] == "CRD" else (0, 3, 5, 1, 2, 4)
        shape = [n, int(channels) * b * b, int(height) // b, int(width) // b]
    else:
        part = int(channels) // b**2
        columns = call["mode"] == "CRD"
        cut = [n, part, b, b, height, width] if columns else [n, b, b, part, height, width]
        order = (0, 1, 4, 2, 5, 3) if columns else (0, 3, 4, 1, 5, 2)
        shape = [n, part, int(height) * b, int(width) * b]
    turned = call.add(Permute(order), call.add(View(tuple(cut)), x, suffix="cut"), suffix="turn")
    return call.add(View(tuple(shape)), turned)
