"""Products of matrices."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import MatMul


@writes(MatMul)
def matmul(w: Writer, op: MatMul, a: str, b: str) -> str:
    return w("MatMul", a, b)
