"""Operations that only rearrange."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Expand, IndexSelect, Permute, Slice, Take, View

FAR = 2**62
"""Beyond the end of any axis."""


@writes(View)
def view(w: Writer, op: View, x: str) -> str:
    """One open dimension is -1, as ONNX has it."""
    opened = sum(isinstance(dim, str) for dim in w.node.shape)
    dims = [-1 if isinstance(dim, str) and opened == 1 else dim for dim in w.node.shape]
    return w("Reshape", x, w.sizes(dims))


@writes(Permute)
def permute(w: Writer, op: Permute, x: str) -> str:
    return w("Transpose", x, perm=op.axes(len(w.inputs[0])))


@writes(Slice)
def slice_(w: Writer, op: Slice, x: str) -> str:
    """An end that is left open is far beyond that of the axis."""
    assert isinstance(op.dim, tuple)
    parts = [op.slices(len(w.inputs[0]))[dim] for dim in op.dim]
    steps = [part.step for part in parts]
    starts = [part.start if part.start is not None else (0 if part.step > 0 else FAR) for part in parts]
    stops = [part.stop if part.stop is not None else (FAR if part.step > 0 else -FAR) for part in parts]
    return w("Slice", x, w.ints(*starts), w.ints(*stops), w.ints(*op.dim), w.ints(*steps))


@writes(Expand)
def expand(w: Writer, op: Expand, x: str) -> str:
    """1, where a dimension stays what it is."""
    (own,), shape = w.inputs, w.node.shape
    kept = (*[0] * (len(shape) - len(own)), *own)
    return w("Expand", x, w.sizes([1 if dim == old else dim for dim, old in zip(shape, kept, strict=True)]))


@writes(IndexSelect)
def index_select(w: Writer, op: IndexSelect, x: str) -> str:
    return w("Gather", x, w.ints(*op.places(w.inputs[0].fixed(op.dim))), axis=op.dim)


@writes(Take)
def take(w: Writer, op: Take, x: str, indices: str) -> str:
    return w("Gather", x, indices, axis=op.dim)
