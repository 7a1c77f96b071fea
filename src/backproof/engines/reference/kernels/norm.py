"""Normalisation."""

from math import sqrt

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.ops import BatchNorm


@computes(KERNELS, BatchNorm)
class BatchNormKernel(Kernel[BatchNorm, Call]):
    """For each feature c:   x̂[n] = (x[n] - μ) / s,   s = √(σ² + ε),   y[n] = γ x̂[n] + β.

        ∂L/∂γ = Σₙ dy[n] x̂[n]          ∂L/∂β = Σₙ dy[n]

    Evaluation: μ and s are constants, so   ∂L/∂x[n] = γ dy[n] / s.

    Training: μ = 1/N Σ x and σ² = 1/N Σ (x - μ)² depend on every x[n]. With ∂μ/∂x[n] = 1/N and
    ∂s/∂x[n] = (x[n] - μ) / (N s) = x̂[n] / N the chain rule gives

        ∂L/∂x[n] = γ/s · (dy[n] - 1/N Σₘ dy[m] - x̂[n] · 1/N Σₘ dy[m] x̂[m])
    """

    def forward(self, op: BatchNorm, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """x (N, C) -> y (N, C); in training also new running statistics (C,)."""
        (x,) = inputs
        N, C = x.shape
        if call.mode.training and N < 2:
            raise UserError(
                f"node '{call.node}': BatchNorm needs two samples or more in a training batch, not {N}; "
                f"choose a batch size that leaves no single sample over"
            )
        y, x_hat, s = np.zeros((N, C)), np.zeros((N, C)), np.zeros(C)
        mean, variance = p["running_mean"].copy(), p["running_var"].copy()
        if call.mode.training:
            for c in range(C):
                mean[c] = sum(x[n, c] for n in range(N)) / N
                variance[c] = sum((x[n, c] - mean[c]) ** 2 for n in range(N)) / N
            unbiased = variance * (N / (N - 1))
            call.state["running_mean"] = (1 - op.momentum) * p["running_mean"] + op.momentum * mean
            call.state["running_var"] = (1 - op.momentum) * p["running_var"] + op.momentum * unbiased
        for c in range(C):
            s[c] = sqrt(variance[c] + op.eps)
            for n in range(N):
                x_hat[n, c] = (x[n, c] - mean[c]) / s[c]
                y[n, c] = p["weight"][c] * x_hat[n, c] + p["bias"][c]
        return y, (x_hat, s)

    def backward(
        self, op: BatchNorm, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        """dy (N, C) -> dx (N, C); dγ (C,), dβ (C,)."""
        x_hat, s = saved
        N, C = dy.shape
        dx = np.zeros((N, C))
        for c in range(C):
            g["weight"][c] = sum(dy[n, c] * x_hat[n, c] for n in range(N))
            g["bias"][c] = sum(dy[n, c] for n in range(N))
            for n in range(N):
                through_statistics = (g["bias"][c] + x_hat[n, c] * g["weight"][c]) / N if call.mode.training else 0.0
                dx[n, c] = p["weight"][c] / s[c] * (dy[n, c] - through_statistics)
        return (dx,)
