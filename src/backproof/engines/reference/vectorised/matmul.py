"""Products of matrices."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.arithmetic import summed
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import MatMul


@computes(VECTORISED, MatMul)
class MatMulKernel(Kernel[MatMul, Call]):
    """y = a b,   da = dy bᵀ,   db = aᵀ dy, a vector being a matrix of one row or column."""

    def forward(self, op: MatMul, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        a, b = inputs
        return np.asarray(a @ b), inputs

    def backward(self, op: MatMul, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        a = saved[0] if saved[0].ndim > 1 else saved[0][np.newaxis]
        b = saved[1] if saved[1].ndim > 1 else saved[1][:, np.newaxis]
        dy = dy.reshape(*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
        da, db = summed(dy @ b.swapaxes(-1, -2), a.shape), summed(a.swapaxes(-1, -2) @ dy, b.shape)
        return da.reshape(saved[0].shape), db.reshape(saved[1].shape)
