"""Functions of one number, element by element."""

from backproof.graph import Op
from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Abs, Ceil, Cos, Erf, Exp, Floor, Log, Neg, Reciprocal, Round, Sign, Sin, Sqrt


@writes(Abs, Ceil, Cos, Erf, Exp, Floor, Log, Neg, Reciprocal, Round, Sign, Sin, Sqrt)
def elementwise(w: Writer, op: Op, x: str) -> str:
    """ONNX calls them the same."""
    return w(type(op).__name__, x)
