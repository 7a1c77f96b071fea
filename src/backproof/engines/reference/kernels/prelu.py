"""ReLU with a slope that is learned."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import PReLU


@computes(KERNELS, PReLU)
class PReLUKernel(Kernel[PReLU, Call]):
    """y[i] = x[i] where x[i] > 0, else w[k] x[i]   with the slope k that element i meets.

    ∂L/∂x[i] = dy[i] or dy[i] w[k]      ∂L/∂w[k] = Σ dy[i] x[i]    over the i that meet k and where x[i] <= 0
    """

    def forward(self, op: PReLU, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        w = p["weight"].reshape(op.broadcast(x.ndim))
        y = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            y[i] = x[i] if x[i] > 0 else w[met(i, w.shape)] * x[i]
        return y, (x,)

    def backward(self, op: PReLU, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (x,) = saved
        w = p["weight"].reshape(op.broadcast(x.ndim))
        dx, dw = np.zeros(x.shape), np.zeros(w.shape)
        for i in np.ndindex(x.shape):
            if x[i] > 0:
                dx[i] = dy[i]
            else:
                dx[i] = dy[i] * w[met(i, w.shape)]
                dw[met(i, w.shape)] += dy[i] * x[i]
        g["weight"][...] = dw.reshape(op.shape)
        return (dx,)


def met(i: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The place, in an array of this shape, that element i meets when it is broadcast."""
    return tuple(0 if size == 1 else at for at, size in zip(i, shape, strict=True))
