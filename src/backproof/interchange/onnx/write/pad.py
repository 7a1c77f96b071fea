"""Padding."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Pad

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "wrap": "wrap"}


@writes(Pad)
def pad(w: Writer, op: Pad, x: str) -> str:
    left, right, top, bottom = op.sides
    pads = w.ints(0, 0, top, left, 0, 0, bottom, right)
    value = [w.constant(op.value)] if op.mode == "constant" else []
    return w("Pad", x, pads, *value, mode=MODES[op.mode])
