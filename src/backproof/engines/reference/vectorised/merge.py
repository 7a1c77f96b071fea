"""Operations on several inputs."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import Add, Concat, Mul, WeightedSum


def summed(d: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of what was broadcast from `shape`: the sum over the axes that it lacks, or has once."""
    lacking = d.ndim - len(shape)
    d = np.sum(d, tuple(range(lacking)))
    found: Array = np.sum(d, tuple(axis for axis, size in enumerate(shape) if size == 1), keepdims=True)
    return found


@computes(VECTORISED, Add)
class AddKernel(Kernel[Add, Call]):
    """y = a + b,   da = db = dy."""

    def forward(self, op: Add, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        a, b = inputs
        return a + b, (a.shape, b.shape)

    def backward(self, op: Add, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return tuple(summed(dy, shape) for shape in saved)


@computes(VECTORISED, Mul)
class MulKernel(Kernel[Mul, Call]):
    """y = a b,   da = dy b,   db = dy a."""

    def forward(self, op: Mul, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        a, b = inputs
        return a * b, (a, b)

    def backward(self, op: Mul, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        a, b = saved
        return summed(dy * b, a.shape), summed(dy * a, b.shape)


@computes(VECTORISED, Concat)
class ConcatKernel(Kernel[Concat, Call]):
    """y = all along the axis, one input after the other; each gets its own part of dy back."""

    def forward(self, op: Concat, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        return np.concatenate(inputs, op.axis), (np.cumsum([x.shape[op.axis] for x in inputs])[:-1],)

    def backward(self, op: Concat, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return tuple(np.split(dy, saved[0], op.axis))


@computes(VECTORISED, WeightedSum)
class WeightedSumKernel(Kernel[WeightedSum, Call]):
    """y = Σₖ w[k] xₖ,   dxₖ = w[k] dy."""

    def forward(self, op: WeightedSum, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        return np.asarray(sum(w * x for w, x in zip(op.weights, inputs, strict=True))), ()

    def backward(self, op: WeightedSum, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return tuple(w * dy for w in op.weights)
