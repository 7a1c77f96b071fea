"""Arithmetic of two values."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays, Op
from backproof.ops import Add, Div, Maximum, Minimum, Mul, Pow, Sub

Index = tuple[int, ...]


def at(i: Index, x: Array) -> Index:
    """The index in x of what meets the output's element i: what x lacks or has once serves all."""
    return tuple(place if size > 1 else 0 for place, size in zip(i[len(i) - x.ndim :], x.shape, strict=True))


def summed(d: Array, x: Array) -> Array:
    """What is broadcast meets many elements of y, and its gradient is the sum of what each gives."""
    if d.shape == x.shape:
        return d
    dx = np.zeros(x.shape)
    for i in np.ndindex(d.shape):
        dx[at(i, x)] += d[i]
    return dx


class ArithmeticKernel(Kernel[Op, Call]):
    """y[i] = f(a[i], b[i])   so   ∂L/∂a[i] = dy[i] ∂f/∂a   and   ∂L/∂b[i] = dy[i] ∂f/∂b."""

    def __init__(self, f: Callable[[Any, Any], Any], df: Callable[[Any, Any, Any], tuple[Any, Any]]) -> None:
        self.f, self.df = f, df

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        a, b = inputs
        y = np.zeros(np.broadcast_shapes(a.shape, b.shape), a.dtype)
        for i in np.ndindex(y.shape):
            y[i] = self.f(a[at(i, a)], b[at(i, b)])
        return y, (a, b, y)

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        a, b, y = saved
        da, db = np.zeros(dy.shape), np.zeros(dy.shape)
        for i in np.ndindex(dy.shape):
            slope_a, slope_b = self.df(a[at(i, a)], b[at(i, b)], y[i])
            da[i], db[i] = dy[i] * slope_a, dy[i] * slope_b
        return tuple(summed(d, x) if x.dtype.kind == "f" else None for d, x in ((da, a), (db, b)))


class AddKernel(ArithmeticKernel):
    """A sum hands its gradient to all it adds: the same array, to which nobody writes."""

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        a, b, _ = saved
        return summed(dy, a), summed(dy, b)


def pow_slopes(a: Any, b: Any, y: Any) -> tuple[Any, Any]:
    """b aᵇ⁻¹ and aᵇ log a; 0 where b is, and where a is 0 and b not below."""
    return b * a ** (b - 1) if b != 0 else 0.0, 0.0 if a == 0 and b >= 0 else y * np.log(a)


def larger(a: Any, b: Any) -> Any:
    """NaN is larger than all."""
    return a if a > b or a != a else b


def shares(wins: bool, loses: bool) -> tuple[float, float]:
    """All to the one that is selected, half to each where neither is."""
    return (1.0, 0.0) if wins else (0.0, 1.0) if loses else (0.5, 0.5)


KERNELS.update(
    {
        Add: AddKernel(lambda a, b: a + b, lambda a, b, y: (1.0, 1.0)),
        Sub: ArithmeticKernel(lambda a, b: a - b, lambda a, b, y: (1.0, -1.0)),
        Mul: ArithmeticKernel(lambda a, b: a * b, lambda a, b, y: (b, a)),
        Div: ArithmeticKernel(lambda a, b: a / b, lambda a, b, y: (1 / b, -a / (b * b))),
        Pow: ArithmeticKernel(lambda a, b: a ** np.float64(b), pow_slopes),
        Minimum: ArithmeticKernel(lambda a, b: -larger(-a, -b), lambda a, b, y: shares(a < b, b < a)),
        Maximum: ArithmeticKernel(larger, lambda a, b, y: shares(a > b, b > a)),
    }
)
