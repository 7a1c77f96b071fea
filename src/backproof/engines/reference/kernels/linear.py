"""Fully connected layers."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Linear


@computes(KERNELS, Linear)
class LinearKernel(Kernel[Linear, Call]):
    """Each output is a weighted sum of all inputs.

        y[n,j] = Σᵢ x[n,i] W[j,i] + b[j]        n over samples, or over all axes but the last

    y[n,j] meets x[n,i] with the factor W[j,i], W[j,i] with the factor x[n,i], and b[j] with the factor 1, so

        ∂L/∂x[n,i] = Σⱼ dy[n,j] W[j,i]
        ∂L/∂W[j,i] = Σₙ dy[n,j] x[n,i]
        ∂L/∂b[j]   = Σₙ dy[n,j]
    """

    def forward(self, op: Linear, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        W = p["weight"]
        y = np.zeros((*x.shape[:-1], W.shape[0]))
        for n in np.ndindex(x.shape[:-1]):
            for j in range(W.shape[0]):
                total = p["bias"][j] if op.bias else 0.0
                for i in range(W.shape[1]):
                    total += x[*n, i] * W[j, i]
                y[*n, j] = total
        return y, (x,)

    def backward(self, op: Linear, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (x,) = saved
        W = p["weight"]
        dx = np.zeros(x.shape)
        dW = np.zeros(W.shape)
        db = np.zeros(W.shape[0])
        for n in np.ndindex(x.shape[:-1]):
            for j in range(W.shape[0]):
                db[j] += dy[*n, j]
                for i in range(W.shape[1]):
                    dx[*n, i] += dy[*n, j] * W[j, i]
                    dW[j, i] += dy[*n, j] * x[*n, i]
        g["weight"][:] = dW
        if op.bias:
            g["bias"][:] = db
        return (dx,)
