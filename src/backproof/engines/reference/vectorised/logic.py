"""Truth values and whole numbers: comparing, choosing, converting."""

from collections.abc import Callable

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.arithmetic import summed
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays, Op
from backproof.ops import ArgMax, Cast, Compare, IsNaN, LogicalAnd, LogicalNot, LogicalOr, Where


@computes(VECTORISED, Where)
class WhereKernel(Kernel[Where, Call]):
    """y = a where c, else b;   da = dy c,   db = dy (1 - c), though 0 where c chose the other, even of infinity."""

    def forward(self, op: Where, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        return np.asarray(np.where(*inputs)), inputs

    def backward(self, op: Where, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        c, a, b = saved
        return None, summed(np.where(c, dy, 0.0), a.shape), summed(np.where(c, 0.0, dy), b.shape)


@computes(VECTORISED, Cast)
class CastKernel(Kernel[Cast, Call]):
    """y = x in another dtype."""

    def forward(self, op: Cast, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        return x.astype({"float": np.float64, "int": np.int64, "bool": np.bool_}[op.kind]), (x.dtype.kind == "f",)

    def backward(self, op: Cast, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (dy if saved[0] else None,)


class DiscreteKernel(Kernel[Op, Call]):
    """y = f(x, ...), which has no gradient."""

    def __init__(self, f: Callable[..., Array]) -> None:
        self.f = f

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        return np.asarray(self.f(op, *inputs)), ()


RELATIONS = {
    "equal": lambda a, b: a == b,
    "less": lambda a, b: a < b,
    "less_or_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_or_equal": lambda a, b: a >= b,
}


def arg_max(op: ArgMax, x: Array) -> Array:
    """The last is the first from behind."""
    if op.select_last_index:
        return np.asarray(x.shape[op.dim] - 1 - np.argmax(np.flip(x, op.dim), op.dim, keepdims=op.keepdim))
    return np.asarray(np.argmax(x, op.dim, keepdims=op.keepdim))


VECTORISED.update(
    {
        Compare: DiscreteKernel(lambda op, a, b: RELATIONS[op.relation](a, b)),
        LogicalNot: DiscreteKernel(lambda op, a: ~a),
        LogicalAnd: DiscreteKernel(lambda op, a, b: a & b),
        LogicalOr: DiscreteKernel(lambda op, a, b: a | b),
        IsNaN: DiscreteKernel(lambda op, a: a != a),
        ArgMax: DiscreteKernel(arg_max),
    }
)
