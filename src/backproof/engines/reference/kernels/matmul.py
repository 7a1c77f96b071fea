"""Products of matrices."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.arithmetic import at
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import MatMul


def matrices(a: Array, b: Array) -> tuple[Array, Array]:
    """A vector on the left as a matrix of one row, on the right as one of one column."""
    return a.reshape(1, -1) if a.ndim == 1 else a, b.reshape(-1, 1) if b.ndim == 1 else b


@computes(KERNELS, MatMul)
class MatMulKernel(Kernel[MatMul, Call]):
    """y[n,i,j] = Σₖ a[n,i,k] b[n,k,j], where n stands for all axes before, which are broadcast.

    Each a meets each b of its row with that factor, so, summed over all n that share an a or a b,

        ∂L/∂a[n,i,k] = Σⱼ dy[n,i,j] b[n,k,j]          ∂L/∂b[n,k,j] = Σᵢ a[n,i,k] dy[n,i,j]
    """

    def forward(self, op: MatMul, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        a, b = matrices(*inputs)
        M, K, P = *a.shape[-2:], b.shape[-1]
        y = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), M, P))
        for n in np.ndindex(y.shape[:-2]):
            A, B = a[at(n, a[..., 0, 0])], b[at(n, b[..., 0, 0])]
            for i, j, k in np.ndindex(M, P, K):
                y[*n, i, j] += A[i, k] * B[k, j]
        short = [axis for axis, x in zip((-2, -1), inputs, strict=True) if x.ndim == 1]
        return np.squeeze(y, tuple(short)), inputs

    def backward(self, op: MatMul, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        a, b = matrices(*saved)
        da, db = np.zeros(a.shape), np.zeros(b.shape)
        M, K, P = *a.shape[-2:], b.shape[-1]
        dy = dy.reshape(*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), M, P)
        for n in np.ndindex(dy.shape[:-2]):
            at_a, at_b = at(n, a[..., 0, 0]), at(n, b[..., 0, 0])
            for i, j, k in np.ndindex(M, P, K):
                da[*at_a, i, k] += dy[*n, i, j] * b[*at_b, k, j]
                db[*at_b, k, j] += a[*at_a, i, k] * dy[*n, i, j]
        return da.reshape(saved[0].shape), db.reshape(saved[1].shape)
