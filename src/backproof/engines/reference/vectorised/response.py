"""Normalisation by the channels around."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import LocalResponseNorm


@computes(VECTORISED, LocalResponseNorm)
class LocalResponseNormKernel(Kernel[LocalResponseNorm, Call]):
    """s = k + α/n B x²   with a matrix B (C, C) that is 1 where channel j is in the region of c; y = x s^-β.

    dx = dy s^-β - 2 α β / n x Bᵀ (dy x s^(-β-1))
    """

    @staticmethod
    def _band(op: LocalResponseNorm, channels: int) -> Array:
        c = np.arange(channels)
        ahead = np.subtract.outer(c, c) * -1 + op.before
        band: Array = ((ahead >= 0) & (ahead < op.size)).astype(float)
        return band

    def forward(self, op: LocalResponseNorm, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        s = op.k + op.alpha / op.size * np.einsum("cj,nj...->nc...", self._band(op, x.shape[1]), x**2)
        return x * s**-op.beta, (x, s)

    def backward(self, op: LocalResponseNorm, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x, s = saved
        shares = np.einsum("cj,nc...->nj...", self._band(op, x.shape[1]), dy * x * s ** (-op.beta - 1))
        return (dy * s**-op.beta - 2 * op.alpha * op.beta / op.size * x * shares,)
