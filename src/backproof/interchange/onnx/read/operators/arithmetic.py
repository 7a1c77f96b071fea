"""Element by element, on one, two or more inputs that are broadcast."""

import numpy as np

from backproof.graph import Op
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import Add, Div, Maximum, Minimum, Mul, Pow, Sub

OPERATIONS: dict[str, Op] = {
    "Add": Add(),
    "Div": Div(),
    "Mul": Mul(),
    "Pow": Pow(),
    "Sub": Sub(),
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
