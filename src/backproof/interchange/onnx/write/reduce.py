"""One number of many."""

from backproof.graph import Op
from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Amax, Amin, LogSumExp, Mean, Prod, Sum
from backproof.ops.reduce import Reduction

NAMES: dict[type[Op], str] = {
    Sum: "ReduceSum",
    Mean: "ReduceMean",
    Amax: "ReduceMax",
    Amin: "ReduceMin",
    Prod: "ReduceProd",
    LogSumExp: "ReduceLogSumExp",
}


@writes(*NAMES)
def reduction(w: Writer, op: Reduction, x: str) -> str:
    return w(NAMES[type(op)], x, w.ints(*op.axes(len(w.inputs[0]))), keepdims=int(op.keepdim))
