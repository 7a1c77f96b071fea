"""Element by element, on one, two or more inputs that are broadcast."""

from backproof.graph import Op
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import Add, Mul

OPERATIONS: dict[str, Op] = {"Add": Add(), "Mul": Mul()}


@imports(*OPERATIONS)
def operation(call: Call) -> Edge:
    """An operation without attributes, on inputs as they are."""
    return call.add(OPERATIONS[call.node.op_type], *call.edges)
