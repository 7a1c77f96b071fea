"""Arithmetic of two values."""

from collections.abc import Callable

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays, Op
from backproof.ops import Add, Div, Maximum, Minimum, Mul, Pow, Sub

OfTwo = Callable[[Array, Array], Array]


def summed(d: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of what was broadcast from `shape`: the sum over the axes that it lacks, or has once."""
    lacking = d.ndim - len(shape)
    d = np.sum(d, tuple(range(lacking)))
    found: Array = np.sum(d, tuple(axis for axis, size in enumerate(shape) if size == 1), keepdims=True)
    return found


class ArithmeticKernel(Kernel[Op, Call]):
    """y = f(a, b),   da = dy ∂f/∂a,   db = dy ∂f/∂b."""

    def __init__(self, f: OfTwo, of_a: OfTwo, of_b: OfTwo) -> None:
        self.f, self.slopes = f, (of_a, of_b)

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        return np.asarray(self.f(*inputs)), inputs

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return tuple(
            summed(dy * slope(*saved), x.shape) if wanted else None
            for x, slope, wanted in zip(saved, self.slopes, call.wants, strict=True)
        )


def log_where(a: Array, b: Array) -> Array:
    """aᵇ log a, whose limit is taken at a = 0."""
    limit = (a == 0) & (b >= 0)
    return np.where(limit, 0, np.power(a, b) * np.log(np.where(limit, 1, a)))


VECTORISED.update(
    {
        Add: ArithmeticKernel(np.add, lambda a, b: np.ones(()), lambda a, b: np.ones(())),
        Sub: ArithmeticKernel(np.subtract, lambda a, b: np.ones(()), lambda a, b: -np.ones(())),
        Mul: ArithmeticKernel(np.multiply, lambda a, b: b, lambda a, b: a),
        Div: ArithmeticKernel(np.divide, lambda a, b: np.reciprocal(b), lambda a, b: -a / np.square(b)),
        Pow: ArithmeticKernel(
            lambda a, b: np.power(a, b, dtype=np.float64),
            lambda a, b: b * np.power(a, np.where(b == 0, 1, b - 1), dtype=np.float64),
            log_where,
        ),
        # heaviside(d, 1/2) is 1 where d > 0, and a half where d = 0.
        Minimum: ArithmeticKernel(
            np.minimum, lambda a, b: np.heaviside(b - a, 0.5), lambda a, b: np.heaviside(a - b, 0.5)
        ),
        Maximum: ArithmeticKernel(
            np.maximum, lambda a, b: np.heaviside(a - b, 0.5), lambda a, b: np.heaviside(b - a, 0.5)
        ),
    }
)
