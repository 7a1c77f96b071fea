"""Operations that only rearrange each sample."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Flatten, Reshape


@writes(Flatten)
def flatten(w: Writer, op: Flatten, x: str) -> str:
    return w("Flatten", x, axis=1)


@writes(Reshape)
def reshape(w: Writer, op: Reshape, x: str) -> str:
    """0 keeps the batch."""
    return w("Reshape", x, w.ints(0, *(int(dim) for dim in w.node.shape[1:])))
