"""Operations that only rearrange each sample."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Flatten, Reshape


@writes(Flatten)
def flatten(w: Writer, op: Flatten, x: str) -> str:
    return w("Flatten", x, axis=1)


@writes(Reshape)
def reshape(w: Writer, op: Reshape, x: str) -> str:
    """-1 for the batch."""
    return w("Reshape", x, w.ints(*(-1 if isinstance(dim, str) else dim for dim in w.node.shape)))
