"""Functions of one value."""

from collections.abc import Callable
from math import erf

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays, Op
from backproof.ops import Abs, Ceil, Cos, Erf, Exp, Floor, Log, Neg, Reciprocal, Round, Sign, Sin, Sqrt

Function = Callable[[Array], Array]

erf_of_each = np.vectorize(erf, otypes=[np.float64])


class FunctionKernel(Kernel[Op, Call]):
    """y = f(x),   dx = dy f'(x)."""

    def __init__(self, f: Function, df: Function = np.zeros_like) -> None:
        self.f, self.df = f, df

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        return np.asarray(self.f(inputs[0])), inputs

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (np.asarray(dy * self.df(saved[0])),)


VECTORISED.update(
    {
        Neg: FunctionKernel(np.negative, lambda x: -np.ones_like(x)),
        Abs: FunctionKernel(np.abs, np.sign),
        Exp: FunctionKernel(np.exp, np.exp),
        Log: FunctionKernel(np.log, np.reciprocal),
        Sqrt: FunctionKernel(np.sqrt, lambda x: 0.5 * np.power(x, -0.5)),
        Reciprocal: FunctionKernel(np.reciprocal, lambda x: -np.power(x, -2.0)),
        Erf: FunctionKernel(erf_of_each, lambda x: 2 / np.sqrt(np.pi) * np.exp(-np.square(x))),
        Sin: FunctionKernel(np.sin, np.cos),
        Cos: FunctionKernel(np.cos, lambda x: -np.sin(x)),
        Floor: FunctionKernel(np.floor),
        Ceil: FunctionKernel(np.ceil),
        Round: FunctionKernel(np.rint),
        Sign: FunctionKernel(np.sign),
    }
)
