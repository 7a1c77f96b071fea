"""Normalisation by the channels around."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import LocalResponseNorm


@computes(KERNELS, LocalResponseNorm)
class LocalResponseNormKernel(Kernel[LocalResponseNorm, Call]):
    """y[c] = x[c] s[c]^-β   with   s[c] = k + α/n Σ x[j]² over the region of c.

    ∂y[c]/∂x[j] is s[c]^-β where j = c, and by the chain rule - β x[c] s[c]^(-β-1) · 2 α/n x[j] for all j of the region:

        ∂L/∂x[j] = dy[j] s[j]^-β - 2 α β / n x[j] Σ dy[c] x[c] s[c]^(-β-1)    over the c whose region has j
    """

    def forward(self, op: LocalResponseNorm, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        s = np.full(x.shape, op.k)
        for n, c, *place in np.ndindex(x.shape):
            for j in self._region(op, c, x.shape[1]):
                s[n, c, *place] += op.alpha / op.size * x[n, j, *place] ** 2
        return x * s**-op.beta, (x, s)

    def backward(self, op: LocalResponseNorm, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x, s = saved
        dx = dy * s**-op.beta
        for n, c, *place in np.ndindex(x.shape):
            at = n, c, *place
            share = 2 * op.alpha * op.beta / op.size * dy[at] * x[at] * s[at] ** (-op.beta - 1)
            for j in self._region(op, c, x.shape[1]):
                dx[n, j, *place] -= share * x[n, j, *place]
        return (dx,)

    @staticmethod
    def _region(op: LocalResponseNorm, c: int, channels: int) -> range:
        """The channels around c that exist."""
        start = c - op.before
        return range(max(start, 0), min(start + op.size, channels))
