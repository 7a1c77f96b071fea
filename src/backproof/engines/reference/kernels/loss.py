"""Losses."""

from math import exp

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, computes
from backproof.engines.reference.kernels.activation import log_sum_exp
from backproof.engines.reference.kernels.table import KERNELS
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.ops import MSE, SoftmaxCrossEntropy


@computes(KERNELS, SoftmaxCrossEntropy)
class SoftmaxCrossEntropyKernel(Kernel[SoftmaxCrossEntropy, Call]):
    """L = - 1/N Σₙ Σ꜀ q[n,c] log π[n,c]   with   π[n,c] = e^x[n,c] / Σₖ e^x[n,k].

    q[n,c] = (1 - s) [c is the label of n] + s / C with the label smoothing s; its sum over c is 1.
    ∂ log π[n,k] / ∂x[n,c] = δ[k,c] - π[n,c], so

        ∂L/∂x[n,c] = - 1/N Σₖ q[n,k] (δ[k,c] - π[n,c]) = (π[n,c] - q[n,c]) / N
    """

    def forward(self, op: SoftmaxCrossEntropy, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """Logits x (N, C) and labels (N,) -> L, a scalar."""
        x, labels = inputs
        N, C = x.shape
        s = op.label_smoothing
        q, probability = np.zeros((N, C)), np.zeros((N, C))
        loss = 0.0
        for n in range(N):
            if not 0 <= labels[n] < C:
                raise UserError(f"node '{call.node}': the label {labels[n]} is none of the classes 0 to {C - 1}")
            total = log_sum_exp(x[n])
            for c in range(C):
                q[n, c] = (1 - s) * (c == labels[n]) + s / C
                log_probability = x[n, c] - total
                probability[n, c] = exp(log_probability)
                loss -= q[n, c] * log_probability / N
        return np.array(loss), (probability, q)

    def backward(
        self, op: SoftmaxCrossEntropy, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        """dL (scalar) -> dx (N, C); labels have no gradient."""
        probability, q = saved
        N, C = q.shape
        dx = np.zeros((N, C))
        for n in range(N):
            for c in range(C):
                dx[n, c] = dy * (probability[n, c] - q[n, c]) / N
        return dx, None


@computes(KERNELS, MSE)
class MSEKernel(Kernel[MSE, Call]):
    """L = 1/M Σᵢ (x[i] - t[i])² over all M elements.

    ∂L/∂x[i] = 2 (x[i] - t[i]) / M          ∂L/∂t[i] = - ∂L/∂x[i]
    """

    def forward(self, op: MSE, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """x and t of one shape -> L, a scalar."""
        x, t = inputs
        loss = 0.0
        for i in np.ndindex(x.shape):
            loss += float(x[i] - t[i]) ** 2 / x.size
        return np.array(loss), (x, t)

    def backward(self, op: MSE, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> tuple[Array | None, ...]:
        """dL (scalar) -> dx and dt of the inputs' shape."""
        x, t = saved
        dx, dt = np.zeros(x.shape), np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            dx[i] = dy * 2 * (x[i] - t[i]) / x.size
            dt[i] = -dx[i]
        return dx, dt
