"""Truth values and whole numbers: comparing, choosing, converting."""

from collections.abc import Callable
from math import isnan
from typing import Any

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.arithmetic import at, summed
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays, Op
from backproof.ops import ArgMax, Cast, Compare, IsNaN, LogicalAnd, LogicalNot, LogicalOr, Where


@computes(KERNELS, Where)
class WhereKernel(Kernel[Where, Call]):
    """y[i] = a[i] if c[i] else b[i]   so   ∂L/∂a[i] = dy[i] where c[i], else 0, and ∂L/∂b[i] the other way round."""

    def forward(self, op: Where, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        c, a, b = inputs
        y = np.zeros(np.broadcast_shapes(c.shape, a.shape, b.shape), a.dtype)
        for i in np.ndindex(y.shape):
            y[i] = a[at(i, a)] if c[at(i, c)] else b[at(i, b)]
        return y, inputs

    def backward(self, op: Where, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        c, a, b = saved
        da, db = np.zeros(dy.shape), np.zeros(dy.shape)
        for i in np.ndindex(dy.shape):
            chosen = da if c[at(i, c)] else db
            chosen[i] = dy[i]
        return None, summed(da, a), summed(db, b)


@computes(KERNELS, Cast)
class CastKernel(Kernel[Cast, Call]):
    """y[i] = x[i], as another kind.   ∂L/∂x[i] = dy[i] between floats."""

    def forward(self, op: Cast, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y: Array = np.zeros(x.shape, {"float": np.float64, "int": np.int64, "bool": np.bool_}[op.kind])
        for i in np.ndindex(x.shape):
            y[i] = x[i].astype(y.dtype)
        return y, (x.dtype.kind == "f",)

    def backward(self, op: Cast, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (dy if saved[0] else None,)


class PredicateKernel(Kernel[Op, Call]):
    """y[i] = f(a[i], ...), true or false."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        y = np.zeros(np.broadcast_shapes(*(x.shape for x in inputs)), np.bool_)
        for i in np.ndindex(y.shape):
            y[i] = self.f(op, *(x[at(i, x)] for x in inputs))
        return y, ()


def compare(op: Compare, a: Any, b: Any) -> bool:
    """Whether the relation holds; no number is less than, equal to or greater than a NaN."""
    holds = {
        "equal": a == b,
        "less": a < b,
        "less_or_equal": a < b or a == b,
        "greater": a > b,
        "greater_or_equal": a > b or a == b,
    }
    return bool(holds[op.relation])


KERNELS.update(
    {
        Compare: PredicateKernel(compare),
        LogicalNot: PredicateKernel(lambda op, a: not a),
        LogicalAnd: PredicateKernel(lambda op, a, b: a and b),
        LogicalOr: PredicateKernel(lambda op, a, b: a or b),
        IsNaN: PredicateKernel(lambda op, a: isnan(a)),
    }
)


@computes(KERNELS, ArgMax)
class ArgMaxKernel(Kernel[ArgMax, Call]):
    """y = the place of the largest of each row along the axis."""

    def forward(self, op: ArgMax, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        rows = np.moveaxis(inputs[0], op.dim, -1)
        y = np.zeros(rows.shape[:-1], np.int64)
        for i in np.ndindex(y.shape):
            y[i] = self.place(rows[i], op.select_last_index)
        return np.expand_dims(y, op.dim) if op.keepdim else y, ()

    @staticmethod
    def place(row: Array, last: bool) -> int:
        """That of a NaN, if there is one."""
        best = 0
        for k in range(1, len(row)):
            larger = row[k] > row[best] or (isnan(row[k]) and not isnan(row[best]))
            equal = row[k] == row[best] or (isnan(row[k]) and isnan(row[best]))
            if larger or (last and equal):
                best = k
        return best
