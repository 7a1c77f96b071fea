"""Weights that stand by themselves."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Parameter


@writes(Parameter)
def parameter(w: Writer, op: Parameter) -> str:
    return w("Identity", w.p("weight"))
