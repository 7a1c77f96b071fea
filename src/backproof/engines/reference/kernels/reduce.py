"""One number of many, along axes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Amax, Amin, LogSumExp, Mean, Prod, Sum
from backproof.ops.reduce import Reduction

Numbers = Sequence[Any]


class ReductionKernel(Kernel[Reduction, Call]):
    """y[j] = f(all x[i] whose i is j but for the axes)   so   ∂L/∂x[i] = dy[j] ∂f/∂x[i]."""

    def __init__(self, f: Callable[[Numbers], Any], df: Callable[[Numbers], Numbers]) -> None:
        self.f, self.df = f, df

    def places(self, op: Reduction, x: Array) -> dict[tuple[int, ...], list[tuple[int, ...]]]:
        """For each j the i that belong to it."""
        axes = op.axes(x.ndim)
        found: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for i in np.ndindex(x.shape):
            found.setdefault(tuple(0 if axis in axes else k for axis, k in enumerate(i)), []).append(i)
        return found

    def forward(self, op: Reduction, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        axes = op.axes(x.ndim)
        y = np.zeros([1 if axis in axes else size for axis, size in enumerate(x.shape)], x.dtype)
        for j, together in self.places(op, x).items():
            y[j] = self.f([x[i] for i in together])
        return y if op.keepdim else y.reshape([s for axis, s in enumerate(y.shape) if axis not in axes]), (x, y.shape)

    def backward(self, op: Reduction, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x, shape = saved
        dy, dx = dy.reshape(shape), np.zeros(x.shape)
        for j, together in self.places(op, x).items():
            for i, slope in zip(together, self.df([x[i] for i in together]), strict=True):
                dx[i] = dy[j] * slope
        return (dx,)


def product(x: Numbers) -> Any:
    """Π x."""
    found = 1
    for factor in x:
        found = found * factor
    return found


def log_sum_exp(x: Numbers) -> Any:
    """max x + log Σ e^(x - max x)."""
    top = max(x)
    return top + np.log(sum(np.exp(number - top) for number in x))


def ties(x: Numbers, chosen: Any) -> Numbers:
    """An equal part for each that is the chosen one."""
    return [float(number == chosen) / sum(other == chosen for other in x) for number in x]


KERNELS.update(
    {
        Sum: ReductionKernel(sum, lambda x: [1.0] * len(x)),
        Mean: ReductionKernel(lambda x: sum(x) / len(x), lambda x: [1 / len(x)] * len(x)),
        Amax: ReductionKernel(max, lambda x: ties(x, max(x))),
        Amin: ReductionKernel(min, lambda x: ties(x, min(x))),
        Prod: ReductionKernel(product, lambda x: [product([*x[:i], *x[i + 1 :]]) for i in range(len(x))]),
        LogSumExp: ReductionKernel(log_sum_exp, lambda x: [np.exp(number - log_sum_exp(x)) for number in x]),
    }
)
