"""Fully connected layers."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Linear


@writes(Linear)
def linear(w: Writer, op: Linear, x: str) -> str:
    """`Gemm` on (N, in); on more axes, which Gemm does not take, a product with Wᵀ."""
    bias = w.p("bias")
    if len(w.inputs[0]) == 2:
        return w("Gemm", x, w.p("weight"), *filter(None, [bias]), transB=1)
    y = w("MatMul", x, w("Transpose", w.p("weight"), perm=[1, 0]))
    return w("Add", y, bias) if bias else y
