"""Functions of one value, each a pass or two in borrowed buffers.

Neg          y = -x          dx = -dy
Abs          y = |x|         dx = dy sign x
Exp          y = eˣ          dx = dy y
Log          y = log x       dx = dy / x
Sqrt         y = √x          dx = dy / (2 y)
Reciprocal   y = 1 / x       dx = -dy y²
Erf          y = erf x       dx = dy 2/√π e^(-x²)
Sin          y = sin x       dx = dy cos x
Cos          y = cos x       dx = -dy sin x
Floor, Ceil, Round, Sign     dx = 0
"""

from collections.abc import Callable
from math import pi, sqrt
from typing import Any, ClassVar

import numpy as np

from backproof.engines.kernel import Saved, Slopes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays, Op
from backproof.ops import Abs, Ceil, Cos, Erf, Exp, Floor, Log, Neg, Reciprocal, Round, Sign, Sin, Sqrt

Into = Callable[..., Any]
"""f(x, out=y)."""

Slope = Callable[[Array, Array, Array], Any]
"""Fill the third array with f'(x), from x and y."""


class FunctionKernel(NumpyKernel[Op]):
    """y = f(x) and dx = dy f'(x)."""

    layout: ClassVar = "any"

    def __init__(self, f: Into, slope: Slope) -> None:
        self.f, self.slope = f, slope

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        y = call.borrow_output(x.shape, x.dtype if x.dtype.kind == "i" else None)
        self.f(x, out=y)
        return y, (x, y)

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        x, y = saved
        dx = call.borrow_gradient(x.shape)
        self.slope(x, y, dx)
        dx *= dy
        return (dx,)


class StepKernel(FunctionKernel):
    """Level: no gradient comes through, whatever comes back."""

    def __init__(self, f: Into) -> None:
        self.f = f

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        dx = call.borrow_gradient(dy.shape)
        dx[...] = 0
        return (dx,)


def erf(x: Array, out: Array) -> None:
    """SciPy's; imported late, since it takes long."""
    from scipy.special import erf

    erf(x, out=out)


def erf_slope(x: Array, y: Array, out: Array) -> None:
    """2/√π e^(-x²)."""
    np.square(x, out=out)
    np.exp(np.negative(out, out=out), out=out)
    out *= 2 / sqrt(pi)


def negated(f: Into, x: Array, out: Array) -> None:
    """-f(x)."""
    f(x, out=out)
    np.negative(out, out=out)


KERNELS.update(
    {
        Neg: FunctionKernel(np.negative, lambda x, y, out: out.fill(-1)),
        Abs: FunctionKernel(np.abs, lambda x, y, out: np.sign(x, out=out)),
        Exp: FunctionKernel(np.exp, lambda x, y, out: np.copyto(out, y)),
        Log: FunctionKernel(np.log, lambda x, y, out: np.reciprocal(x, out=out)),
        Sqrt: FunctionKernel(np.sqrt, lambda x, y, out: np.divide(0.5, y, out=out)),
        Reciprocal: FunctionKernel(np.reciprocal, lambda x, y, out: negated(np.square, y, out)),
        Erf: FunctionKernel(erf, erf_slope),
        Sin: FunctionKernel(np.sin, lambda x, y, out: np.cos(x, out=out)),
        Cos: FunctionKernel(np.cos, lambda x, y, out: negated(np.sin, x, out)),
        Floor: StepKernel(np.floor),
        Ceil: StepKernel(np.ceil),
        Round: StepKernel(np.rint),
        Sign: StepKernel(np.sign),
    }
)
