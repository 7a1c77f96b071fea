"""Padding."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Pad

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "wrap": "wrap"}


@writes(Pad)
def pad(w: Writer, op: Pad, x: str) -> str:
    before, after = zip(*op.widths(len(w.inputs[0])), strict=True)
    pads = w.ints(*before, *after)
    value = [w.constant(op.value)] if op.mode == "constant" else []
    return w("Pad", x, pads, *value, mode=MODES[op.mode])
