"""Truth values and whole numbers: comparing, choosing, converting.

Where     y = a where c, else b     da = dy where c, db = dy elsewhere, each summed over where it was broadcast to
Cast      y = x in another dtype    dx = dy between floats

Values may lie as they do: everything goes through views in which the axes are the canonical ones.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from backproof.engines.kernel import AnyOp, Saved, Slopes, computes
from backproof.engines.numpy.broadcasting import sum_to
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import canonical, laid_out
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays, Op
from backproof.ops import ArgMax, Cast, Compare, IsNaN, LogicalAnd, LogicalNot, LogicalOr, Where


def _given(inputs: tuple[Array, ...], call: Workspace) -> tuple[Array, ...]:
    """The inputs, seen canonical."""
    return tuple(canonical(x, turned) for x, turned in zip(inputs, call.turned, strict=True))


@computes(KERNELS, Where)
class WhereKernel(NumpyKernel[Where]):
    """All of b, then a where the condition holds."""

    layout: ClassVar = "any"

    def forward(self, op: Where, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        call.ways.add("channels last" if call.output_turned else "canonical")
        c, a, b = _given(inputs, call)
        shape = np.broadcast_shapes(c.shape, a.shape, b.shape)
        output = call.borrow_output(laid_out(shape, call.output_turned), None if a.dtype.kind == "f" else a.dtype)
        y = canonical(output, call.output_turned)
        np.copyto(y, b)
        np.copyto(y, a, where=c)
        return output, (c, a.shape, b.shape)

    def backward(self, op: Where, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        c, *shapes = saved
        dy = canonical(dy, call.output_turned)
        da, db = (
            self._chosen(dy, chosen, shape, turned, call) if wanted else None
            for chosen, shape, turned, wanted in zip(
                (c, np.logical_not(c)), shapes, call.turned[1:], call.wants[1:], strict=True
            )
        )
        return None, da, db

    @staticmethod
    def _chosen(dy: Array, c: Array, shape: tuple[int, ...], turned: bool, call: Workspace) -> Array:
        gradient = call.borrow_gradient(laid_out(shape, turned))
        dx = canonical(gradient, turned)
        if shape != dy.shape:
            call.ways.add("gradient summed over where it was broadcast to")
        part = dx if shape == dy.shape else call.pool.scratch("chosen", dy.shape)
        part[...] = 0
        np.copyto(part, dy, where=c)
        if part is not dx:
            sum_to(part, dx)
        return gradient


@computes(KERNELS, Cast)
class CastKernel(NumpyKernel[Cast]):
    """A copy."""

    layout: ClassVar = "each"

    def forward(self, op: Cast, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = _given(inputs, call)
        dtype = {"float": None, "int": np.int64, "bool": np.bool_}[op.kind]
        output = call.borrow_output(laid_out(x.shape, call.output_turned), dtype)
        np.copyto(canonical(output, call.output_turned), x, casting="unsafe")
        return output, ()

    def backward(self, op: Cast, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        dy = canonical(dy, call.output_turned)
        gradient = call.borrow_gradient(laid_out(dy.shape, call.turned[0]))
        canonical(gradient, call.turned[0])[...] = dy
        return (gradient,)


class Predicate(NumpyKernel[AnyOp]):
    """y = f(x, ...), which has no gradient."""

    layout: ClassVar = "each"

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        given = _given(inputs, call)
        y = call.borrow_output(np.broadcast_shapes(*(x.shape for x in given)), np.bool_)
        self.f(op, *given, out=y)
        return y, ()


RELATIONS: dict[str, np.ufunc] = {
    "equal": np.equal,
    "less": np.less,
    "less_or_equal": np.less_equal,
    "greater": np.greater,
    "greater_or_equal": np.greater_equal,
}

PREDICATES: dict[type[Op], Predicate[Any]] = {
    Compare: Predicate(lambda op, a, b, out: RELATIONS[op.relation](a, b, out=out)),
    LogicalNot: Predicate(lambda op, a, out: np.logical_not(a, out=out)),
    LogicalAnd: Predicate(lambda op, a, b, out: np.logical_and(a, b, out=out)),
    LogicalOr: Predicate(lambda op, a, b, out: np.logical_or(a, b, out=out)),
    IsNaN: Predicate(lambda op, a, out: np.isnan(a, out=out)),
}
KERNELS.update(PREDICATES)


@computes(KERNELS, ArgMax)
class ArgMaxKernel(NumpyKernel[ArgMax]):
    """NumPy's own; the last is the first from behind."""

    layout: ClassVar = "each"

    def forward(self, op: ArgMax, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = _given(inputs, call)
        axis = op.dim % x.ndim
        y = call.borrow_output((*x.shape[:axis], *((1,) if op.keepdim else ()), *x.shape[axis + 1 :]), np.int64)
        np.argmax(np.flip(x, axis) if op.select_last_index else x, axis, keepdims=op.keepdim, out=y)
        if op.select_last_index:
            np.subtract(x.shape[axis] - 1, y, out=y)
        return y, ()
