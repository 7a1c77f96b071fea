"""Dropout."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Dropout, Dropout2d
from backproof.ops.dropout import Dropping


@writes(Dropout, Dropout2d)
def dropout(w: Writer, op: Dropping, x: str) -> str:
    """In inference its input; the file says with which probability it was trained."""
    return w("Dropout", x, w.constant(op.p))
