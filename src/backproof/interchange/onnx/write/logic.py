"""Truth values, choices by them, and values of other kinds."""

from onnx import TensorProto

from backproof.graph import Op
from backproof.interchange.onnx.write.table import ELEMENTS, Writer, writes
from backproof.ops import ArgMax, Cast, Compare, IsNaN, LogicalAnd, LogicalNot, LogicalOr, Where

NAMES: dict[type[Op], str] = {
    Where: "Where",
    LogicalNot: "Not",
    LogicalAnd: "And",
    LogicalOr: "Or",
    IsNaN: "IsNaN",
}

RELATIONS = {
    "equal": "Equal",
    "less": "Less",
    "less_or_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_or_equal": "GreaterOrEqual",
}


@writes(*NAMES)
def logic(w: Writer, op: Op, *inputs: str) -> str:
    return w(NAMES[type(op)], *inputs)


@writes(Compare)
def compare(w: Writer, op: Compare, a: str, b: str) -> str:
    return w(RELATIONS[op.relation], a, b)


@writes(Cast)
def cast(w: Writer, op: Cast, x: str) -> str:
    elements = {"float": ELEMENTS[w.dtype], "int": TensorProto.INT64, "bool": TensorProto.BOOL}
    return w("Cast", x, to=elements[op.kind])


@writes(ArgMax)
def arg_max(w: Writer, op: ArgMax, x: str) -> str:
    return w("ArgMax", x, axis=op.dim, keepdims=int(op.keepdim), select_last_index=int(op.select_last_index))
