"""Functions of one value.

By NumPy's functions of single numbers, which give infinity or NaN where Python's own raise errors.
"""

from collections.abc import Callable
from math import erf, pi
from typing import Any

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays, Op
from backproof.ops import Abs, Ceil, Cos, Erf, Exp, Floor, Log, Neg, Reciprocal, Round, Sign, Sin, Sqrt


class FunctionKernel(Kernel[Op, Call]):
    """y[i] = f(x[i])   so   ∂L/∂x[i] = dy[i] f'(x[i])."""

    def __init__(self, f: Callable[[Any], Any], df: Callable[[Any], Any]) -> None:
        self.f, self.df = f, df

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = np.zeros(x.shape, x.dtype)
        for i in np.ndindex(x.shape):
            y[i] = self.f(x[i])
        return y, (x,)

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (x,) = saved
        dx = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            dx[i] = dy[i] * self.df(x[i])
        return (dx,)


def sign(x: Any) -> Any:
    """1, 0 or -1."""
    return int(x > 0) - int(x < 0)


def level(x: Any) -> float:
    """The derivative of what only jumps."""
    return 0.0


def nearest(x: Any) -> Any:
    """Half way between two whole numbers the even one."""
    below = np.floor(x)
    if x - below == 0.5:
        return below if below % 2 == 0 else below + 1
    return below if x - below < 0.5 else below + 1


KERNELS.update(
    {
        Neg: FunctionKernel(lambda x: -x, lambda x: -1.0),
        Abs: FunctionKernel(lambda x: x if x > 0 else -x, sign),
        Exp: FunctionKernel(np.exp, np.exp),
        Log: FunctionKernel(np.log, lambda x: 1 / x),
        Sqrt: FunctionKernel(np.sqrt, lambda x: 1 / (2 * np.sqrt(x))),
        Reciprocal: FunctionKernel(lambda x: 1 / x, lambda x: -1 / (x * x)),
        Erf: FunctionKernel(erf, lambda x: 2 / np.sqrt(pi) * np.exp(-x * x)),
        Sin: FunctionKernel(np.sin, np.cos),
        Cos: FunctionKernel(np.cos, lambda x: -np.sin(x)),
        Floor: FunctionKernel(np.floor, level),
        Ceil: FunctionKernel(lambda x: -np.floor(-x), level),
        Round: FunctionKernel(nearest, level),
        Sign: FunctionKernel(sign, level),
    }
)
