"""One number of many, along axes."""

from collections.abc import Callable
from math import prod

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import Amax, Amin, LogSumExp, Mean, Prod, Sum
from backproof.ops.reduce import Reduction

OfRows = Callable[[Array], Array]


class ReductionKernel(Kernel[Reduction, Call]):
    """What becomes one number is put into a row: y = f(rows), and dx = dy ∂f/∂x of each."""

    def __init__(self, f: OfRows, df: OfRows) -> None:
        self.f, self.df = f, df

    def forward(self, op: Reduction, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        axes = op.axes(x.ndim)
        order = [axis for axis in range(x.ndim) if axis not in axes] + list(axes)
        turned = x.transpose(order)
        rows = turned.reshape(-1, prod(x.shape[axis] for axis in axes))
        shape = [1 if axis in axes else size for axis, size in enumerate(x.shape) if op.keepdim or axis not in axes]
        return np.asarray(self.f(rows)).reshape(shape), (rows, turned.shape, order)

    def backward(self, op: Reduction, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        rows, shape, order = saved
        return ((dy.reshape(-1, 1) * self.df(rows)).reshape(shape).transpose(np.argsort(order)),)


def others(rows: Array) -> Array:
    """For each number the product of the others in its row."""
    many = np.repeat(rows[:, np.newaxis], rows.shape[1], 1)
    many[:, range(rows.shape[1]), range(rows.shape[1])] = 1
    return np.asarray(np.prod(many, 2))


def of_extreme(rows: Array, extreme: Array) -> Array:
    """An equal part for each that is the extreme."""
    found = rows == extreme[:, np.newaxis]
    return np.asarray(found / np.sum(found, 1, keepdims=True))


def log_sum_exp(rows: Array) -> Array:
    """By steps of log(eᵃ + eᵇ)."""
    return np.asarray(np.logaddexp.reduce(rows, 1))


VECTORISED.update(
    {
        Sum: ReductionKernel(lambda rows: np.sum(rows, 1), np.ones_like),
        Mean: ReductionKernel(lambda rows: np.mean(rows, 1), lambda rows: np.full(rows.shape, 1 / rows.shape[1])),
        Amax: ReductionKernel(lambda rows: np.max(rows, 1), lambda rows: of_extreme(rows, np.max(rows, 1))),
        Amin: ReductionKernel(lambda rows: np.min(rows, 1), lambda rows: of_extreme(rows, np.min(rows, 1))),
        Prod: ReductionKernel(lambda rows: np.prod(rows, 1), others),
        LogSumExp: ReductionKernel(log_sum_exp, lambda rows: np.exp(rows - log_sum_exp(rows)[:, np.newaxis])),
    }
)
