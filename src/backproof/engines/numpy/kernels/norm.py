"""Batch normalisation.

    x̂ = (x - μ) / √(σ² + ε)        y = γ x̂ + β

Training, with n samples, μ = Σ x / n and σ² = Σ (x - μ)² / n (Ioffe & Szegedy 2015):

    dβ = Σ dy        dγ = Σ dy x̂        dx = γ / √(σ² + ε) · (dy - dβ / n - x̂ dγ / n)

Evaluation, with the running μ and σ²:  dx = γ / √(σ² + ε) · dy.   Column sums are `ones @ x`: a matrix product.
"""

import numpy as np

from backproof.engines.kernel import Saved, computes
from backproof.engines.numpy.buffers import Lender
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.ops import BatchNorm


@computes(KERNELS, BatchNorm)
class BatchNormKernel(NumpyKernel[BatchNorm]):
    """Two passes for the statistics: the one-pass form loses digits when μ is large beside σ."""

    def forward(self, op: BatchNorm, inputs: tuple[Array, ...], p: Arrays, call: Lender) -> tuple[Array, Saved]:
        """y = γ (x - μ) / √(σ² + ε) + β."""
        (x,) = inputs
        n, features = x.shape
        normalised = call.lend("normalised", x.shape)
        y = call.lend("y", x.shape)
        inverse_deviation = call.lend("inverse_deviation", (features,))
        if call.mode.training:
            if n < 2:
                raise UserError(
                    f"node '{call.node}': BatchNorm needs 2 samples or more in a training batch, not {n}; "
                    "choose another batch size"
                )
            mean, variance = call.lend("mean", (features,)), call.lend("variance", (features,))
            ones = call.pool.ones(n)
            np.dot(ones, x, out=mean)
            mean /= n
            np.subtract(x, mean, out=normalised)
            np.dot(ones, np.multiply(normalised, normalised, out=y), out=variance)
            variance /= n
            self._move(op, call, "running_mean", p["running_mean"], mean, 1.0)
            self._move(op, call, "running_var", p["running_var"], variance, n / (n - 1))
        else:
            mean, variance = p["running_mean"], p["running_var"]
            np.subtract(x, mean, out=normalised)
        np.add(variance, op.eps, out=inverse_deviation)
        np.sqrt(inverse_deviation, out=inverse_deviation)
        np.divide(1, inverse_deviation, out=inverse_deviation)
        normalised *= inverse_deviation
        np.multiply(normalised, p["weight"], out=y)
        y += p["bias"]
        return y, (normalised, inverse_deviation, call.mode.training)

    @staticmethod
    def _move(op: BatchNorm, call: Lender, name: str, running: Array, batch: Array, correction: float) -> None:
        """running ← (1 - momentum) running + momentum · correction · batch, left in `call.state`."""
        moved = call.lend(name, running.shape)
        np.multiply(running, 1 - op.momentum, out=moved)
        moved += op.momentum * correction * batch
        call.state[name] = moved

    def backward(
        self, op: BatchNorm, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Lender
    ) -> tuple[Array | None, ...]:
        """dβ, dγ and dx as above."""
        normalised, inverse_deviation, training = saved
        n = len(dy)
        ones = call.pool.ones(n)
        dx = call.lend("dx", dy.shape)
        np.dot(ones, dy, out=g["bias"])
        np.dot(ones, np.multiply(dy, normalised, out=dx), out=g["weight"])
        if not call.wants[0]:
            return (None,)
        if training:
            np.multiply(normalised, g["weight"], out=dx)
            dx += g["bias"]
            dx *= -1 / n
            dx += dy
        else:
            dx[...] = dy
        dx *= p["weight"] * inverse_deviation
        return (dx,)
