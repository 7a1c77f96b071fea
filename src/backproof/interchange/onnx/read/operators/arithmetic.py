"""Element by element, on one, two or more inputs that are broadcast."""

import numpy as np

from backproof.graph import Op
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import (
    Abs,
    Add,
    Ceil,
    Compare,
    Cos,
    Div,
    Erf,
    Exp,
    Floor,
    IsNaN,
    Log,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    Maximum,
    Minimum,
    Mul,
    Neg,
    Pow,
    Reciprocal,
    Round,
    Sign,
    Sin,
    Sqrt,
    Sub,
    Where,
)

OPERATIONS: dict[str, Op] = {
    "Abs": Abs(),
    "Add": Add(),
    "And": LogicalAnd(),
    "Ceil": Ceil(),
    "Cos": Cos(),
    "Div": Div(),
    "Equal": Compare("equal"),
    "Erf": Erf(),
    "Exp": Exp(),
    "Floor": Floor(),
    "Greater": Compare("greater"),
    "GreaterOrEqual": Compare("greater_or_equal"),
    "IsNaN": IsNaN(),
    "Less": Compare("less"),
    "LessOrEqual": Compare("less_or_equal"),
    "Log": Log(),
    "Mul": Mul(),
    "Neg": Neg(),
    "Not": LogicalNot(),
    "Or": LogicalOr(),
    "Pow": Pow(),
    "Reciprocal": Reciprocal(),
    "Round": Round(),
    "Sign": Sign(),
    "Sin": Sin(),
    "Sqrt": Sqrt(),
    "Sub": Sub(),
    "Where": Where(),
}


@imports(*OPERATIONS)
def operation(call: Call) -> Edge:
    """An operation without attributes, on inputs as they are."""
    return call.add(OPERATIONS[call.node.op_type], *call.edges)


PAIRWISE: dict[str, Op] = {"Max": Maximum(), "Min": Minimum(), "Sum": Add(), "Mean": Add()}


@imports(*PAIRWISE)
def pairwise(call: Call) -> Edge:
    """Any number of inputs, two at a time."""
    first, *others = call.edges
    mean = call.node.op_type == "Mean" and others
    for place, other in enumerate(others):
        last = place == len(others) - 1 and not mean
        first = call.add(PAIRWISE[call.node.op_type], first, other, suffix="" if last else str(place))
    return call.add(Div(), first, call.constant(np.array(float(call.count)), "count")) if mean else first


@imports("Xor")
def xor(call: Call) -> Edge:
    """One of both: either, and not both."""
    a, b = call.edges
    both = call.add(LogicalAnd(), a, b, suffix="and")
    either = call.add(LogicalOr(), a, b, suffix="or")
    return call.add(LogicalAnd(), either, call.add(LogicalNot(), both, suffix="not"))


@imports("Tan")
def tan(call: Call) -> Edge:
    """sin x / cos x."""
    x = call.edge()
    return call.add(Div(), call.add(Sin(), x, suffix="sin"), call.add(Cos(), x, suffix="cos"))
