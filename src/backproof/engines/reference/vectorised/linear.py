"""Fully connected layers."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import Linear


@computes(VECTORISED, Linear)
class LinearKernel(Kernel[Linear, Call]):
    """y = x Wᵀ + b,   dx = dy W,   dW = dyᵀ x,   db = Σ dy."""

    def forward(self, op: Linear, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = x @ p["weight"].T
        return y + p["bias"] if op.bias else y, (x,)

    def backward(self, op: Linear, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (x,) = saved
        rows = dy.reshape(-1, dy.shape[-1])
        g["weight"][:] = rows.T @ x.reshape(-1, x.shape[-1])
        if op.bias:
            g["bias"][:] = np.sum(rows, 0)
        return (dy @ p["weight"],)
