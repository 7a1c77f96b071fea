"""Normalisation by the channels around.

y[c] = x[c] s[c]^-β        s[c] = k + α/n Σ x[j]² over the region of c
dx[j] = dy[j] s[j]^-β - 2 α β / n x[j] Σ dy[c] x[c] s[c]^(-β-1) over the c whose region has j
"""

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import LocalResponseNorm


@computes(KERNELS, LocalResponseNorm)
class LocalResponseNormKernel(NumpyKernel[LocalResponseNorm]):
    """Channels are the last axis, so a region is a sum of shifted views."""

    def forward(
        self, op: LocalResponseNorm, inputs: tuple[Array, ...], p: Arrays, call: Workspace
    ) -> tuple[Array, Saved]:
        (x,) = inputs
        s = call.borrow("s", x.shape)
        add_shifted(np.multiply(x, x, out=call.pool.scratch("squares", x.shape)), -op.before, op.size, s)
        s *= op.alpha / op.size
        s += op.k
        y = np.power(s, -op.beta, out=call.borrow_output(x.shape))
        y *= x
        return y, (x, s)

    def backward(self, op: LocalResponseNorm, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        x, s = saved
        power = np.power(s, -op.beta, out=call.pool.scratch("squares", x.shape))
        power *= dy
        dx = call.borrow_gradient(x.shape)
        terms = np.divide(power, s, out=call.pool.scratch("terms", x.shape))
        terms *= x
        add_shifted(terms, op.before - op.size + 1, op.size, dx)
        dx *= x
        dx *= -2 * op.alpha * op.beta / op.size
        dx += power
        return (dx,)


def add_shifted(terms: Array, first: int, count: int, total: Array) -> None:
    """total[..., c] = Σ terms[..., c + i] over the i from `first`, `count` of them; what does not exist is 0."""
    total[...] = 0
    channels = terms.shape[-1]
    for i in range(max(first, 1 - channels), min(first + count, channels)):
        total[..., max(0, -i) : channels - max(0, i)] += terms[..., max(0, i) : channels - max(0, -i)]
