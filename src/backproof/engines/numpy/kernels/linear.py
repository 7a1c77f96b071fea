"""Linear.

    y = x W + b          x: (N, ..., in)    W: (in, out) inside the engine    b: (out,)
    dx = dy Wᵀ           dW = xᵀ dy           db = Σₙ dy

Of more axes than two, all but the last count as the batch.

The canonical weight is (out, in). Kept as (in, out) all three products run faster; only for very many inputs
does (out, in) win, because the products then stream through W row by row.
"""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.products import product
from backproof.engines.numpy.tuning import Tuning
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Linear


@computes(KERNELS, Linear)
class LinearKernel(NumpyKernel[Linear]):
    """Three matrix products and a column sum."""

    layout: ClassVar = "canonical"

    def axes(self, op: Linear, parameter: str, shape: tuple[int, ...], tuning: Tuning) -> tuple[int, ...]:
        narrow = parameter == "weight" and shape[1] < tuning.linear_inputs
        return (1, 0) if narrow else super().axes(op, parameter, shape, tuning)

    def forward(self, op: Linear, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        y = call.borrow_output((*x.shape[:-1], op.out_features))
        rows = _rows(x)
        wide = rows.shape[1] >= call.pool.tuning.linear_inputs
        call.ways.add("weight (out, in)" if wide else "weight (in, out)")
        product(rows, p["weight"].T if wide else p["weight"], _rows(y), call)
        if op.bias:
            np.add(y, p["bias"], out=y)
        return y, inputs

    def backward(self, op: Linear, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        x, dy = _rows(saved[0]), _rows(dy)
        wide = x.shape[1] >= call.pool.tuning.linear_inputs
        if not wide:
            product(x.T, dy, g["weight"], call)
        else:
            product(dy.T, x, g["weight"], call)
        if op.bias:
            np.dot(call.pool.ones(len(dy)), dy, out=g["bias"])
        if not call.wants[0]:
            return (None,)
        dx = call.borrow("dx", saved[0].shape)
        product(dy, p["weight"] if wide else p["weight"].T, _rows(dx), call)
        return (dx,)


def _rows(x: Array) -> Array:
    """(N, ..., D) as a matrix."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
