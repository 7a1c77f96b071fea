"""Operations on several inputs."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import Concat, WeightedSum


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
