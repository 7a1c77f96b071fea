"""ReLU with a slope that is learned."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import PReLU


@computes(VECTORISED, PReLU)
class PReLUKernel(Kernel[PReLU, Call]):
    """y = x s with the factor s = 1 where x > 0, else w;   dx = dy s,   dw = Σ dy min(x, 0) over what shares it."""

    def forward(self, op: PReLU, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        factor = np.where(x > 0, 1.0, p["weight"].reshape(op.broadcast(x.ndim)))
        return x * factor, (x, factor)

    def backward(self, op: PReLU, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x, factor = saved
        shared = tuple(axis for axis, size in enumerate(op.broadcast(x.ndim)) if size == 1)
        g["weight"][...] = np.sum(dy * np.minimum(x, 0), shared).reshape(op.shape)
        return (dy * factor,)
