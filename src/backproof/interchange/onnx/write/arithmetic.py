"""Arithmetic of two values, broadcast as NumPy does."""

from backproof.graph import Op
from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Add, Div, Maximum, Minimum, Mul, Pow, Sub

NAMES: dict[type[Op], str] = {
    Add: "Add",
    Sub: "Sub",
    Mul: "Mul",
    Div: "Div",
    Pow: "Pow",
    Minimum: "Min",
    Maximum: "Max",
}


@writes(*NAMES)
def arithmetic(w: Writer, op: Op, a: str, b: str) -> str:
    return w(NAMES[type(op)], a, b)
