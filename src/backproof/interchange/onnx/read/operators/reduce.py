"""Sums, means and extremes along axes."""

from collections.abc import Callable

import numpy as np

from backproof.errors import ModelError
from backproof.graph import Op
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import Abs, Amax, Amin, ArgMax, Cast, Log, LogSumExp, Mean, Mul, Neg, Prod, Slice, Sqrt, Sub, Sum

Reduction = Callable[[tuple[int, ...], bool], Op]

REDUCTIONS: dict[str, Reduction] = {
    "ReduceLogSumExp": LogSumExp,
    "ReduceMax": Amax,
    "ReduceMean": Mean,
    "ReduceMin": Amin,
    "ReduceProd": Prod,
    "ReduceSum": Sum,
}


def _axes(call: Call) -> tuple[int, ...] | None:
    """The axes, an attribute in older opsets and an input in newer ones; None where nothing is to be reduced."""
    listed = call.listed("axes", 1)
    if not listed:
        return None if call["noop_with_empty_axes"] else tuple(range(call.rank()))
    axes = tuple(call.axis(axis) for axis in listed)
    if len(set(axes)) < len(axes):
        raise ModelError(f"it names an axis twice: {axes}")
    return axes


def _reduced(call: Call, reduction: Reduction, x: Edge, suffix: str = "") -> Edge:
    axes = _axes(call)
    if axes is None or not call.rank():
        return x
    op = reduction(axes, bool(call["keepdims"]))
    if x.kind != "bool":
        return call.add(op, x, suffix=suffix)
    return call.add(Cast("bool"), call.add(op, call.add(Cast("int"), x, suffix="int"), suffix="reduced"), suffix=suffix)


@imports(*REDUCTIONS)
def reduction(call: Call) -> Edge:
    """One operation over the axes, all if none are given."""
    return _reduced(call, REDUCTIONS[call.node.op_type], call.edge())


@imports("ReduceL1")
def l1(call: Call) -> Edge:
    """Σ |x|."""
    return _reduced(call, Sum, call.add(Abs(), call.edge(), suffix="abs"))


@imports("ReduceL2")
def l2(call: Call) -> Edge:
    """√ Σ x²."""
    x = call.edge()
    return call.add(Sqrt(), _reduced(call, Sum, call.add(Mul(), x, x, suffix="square"), suffix="sum"))


@imports("ReduceLogSum")
def log_sum(call: Call) -> Edge:
    """log Σ x."""
    return call.add(Log(), _reduced(call, Sum, call.edge(), suffix="sum"))


@imports("ReduceSumSquare")
def sum_square(call: Call) -> Edge:
    """Σ x²."""
    x = call.edge()
    return _reduced(call, Sum, call.add(Mul(), x, x, suffix="square"))


@imports("ArgMax", "ArgMin")
def extreme(call: Call) -> Edge:
    """The place of the largest or smallest; of equal ones the first, or counted from the end the last."""
    x = call.edge() if call.node.op_type == "ArgMax" else call.add(Neg(), call.edge(), suffix="neg")
    axis = call.axis(call["axis"])
    op = ArgMax(axis, bool(call["keepdims"]))
    if not call["select_last_index"]:
        return call.add(op, x)
    backwards = call.add(Slice(axis, None, None, -1), x, suffix="backwards")
    last = call.constant(np.array(x.shape.fixed(axis) - 1), "last")
    return call.add(Sub(), last, call.add(op, backwards, suffix="place"))
