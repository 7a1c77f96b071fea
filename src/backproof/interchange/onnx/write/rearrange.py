"""Operations that only rearrange."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Permute, Slice, View

FAR = 2**62
"""Beyond the end of any axis."""


@writes(View)
def view(w: Writer, op: View, x: str) -> str:
    return w("Reshape", x, w.ints(*(-1 if isinstance(dim, str) else dim for dim in w.node.shape)))


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
