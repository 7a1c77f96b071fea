"""Quantisation, as arithmetic: ONNX's own operators make whole numbers, where ours stay floats."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import DequantizeLinear, QuantizeLinear


@writes(QuantizeLinear)
def quantize(w: Writer, op: QuantizeLinear, x: str) -> str:
    rank = len(w.inputs[0])
    s, z = (w.constant(op.shaped(values, rank, op.axis)) for values in (op.scale, op.zero_point))
    least, most = op.bounds
    return w("Clip", w("Add", w("Round", w("Div", x, s)), z), w.constant(least), w.constant(most))


@writes(DequantizeLinear)
def dequantize(w: Writer, op: DequantizeLinear, x: str) -> str:
    rank = len(w.inputs[0])
    s, z = (w.constant(op.shaped(values, rank, op.axis)) for values in (op.scale, op.zero_point))
    return w("Mul", w("Sub", x, z), s)
