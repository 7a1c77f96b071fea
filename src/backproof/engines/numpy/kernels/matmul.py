"""Products of matrices.

    y = a b          a: (..., M, K)    b: (..., K, P)    the axes before the last two are broadcast
    da = dy bᵀ       db = aᵀ dy        each summed over where it was broadcast to

Where b is one matrix for all of a, the rows of all a count as one matrix: one large product for many small ones.
"""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.broadcasting import sum_to
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.products import product
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import MatMul


@computes(KERNELS, MatMul)
class MatMulKernel(NumpyKernel[MatMul]):
    """A product each way."""

    layout: ClassVar = "canonical"

    def forward(self, op: MatMul, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        a, b = _matrices(*inputs)
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        rows, columns = inputs[0].shape[-2:-1], b.shape[-1:] if inputs[1].ndim > 1 else ()
        y = call.borrow_output((*batch, *rows, *columns))
        out = y.reshape(*batch, a.shape[-2], b.shape[-1])
        if b.ndim == 2:
            call.ways.add("one right matrix")
            product(_rows(a), b, _rows(out), call)
        else:
            call.ways.add("a product each")
            np.matmul(a, b, out=out)
        return y, inputs

    def backward(self, op: MatMul, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        a, b = _matrices(*saved)
        dy = dy.reshape(*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
        da = self._left(dy, a, b, saved[0].shape, call) if call.wants[0] else None
        return da, self._right(dy, a, b, saved[1].shape, call) if call.wants[1] else None

    @staticmethod
    def _left(dy: Array, a: Array, b: Array, shape: tuple[int, ...], call: Workspace) -> Array:
        da = call.borrow_gradient(shape)
        if b.ndim == 2:
            product(_rows(dy), b.T, _rows(da.reshape(a.shape)), call)
        else:
            _multiply(dy, b.swapaxes(-1, -2), da.reshape(a.shape), call)
        return da

    @staticmethod
    def _right(dy: Array, a: Array, b: Array, shape: tuple[int, ...], call: Workspace) -> Array:
        db = call.borrow_gradient(shape)
        if b.ndim == 2:
            product(_rows(a).T, _rows(dy), db.reshape(b.shape), call)
        else:
            _multiply(a.swapaxes(-1, -2), dy, db.reshape(b.shape), call)
        return db


def _matrices(a: Array, b: Array) -> tuple[Array, Array]:
    """A vector on the left as a matrix of one row, on the right as one of one column."""
    return a.reshape(1, -1) if a.ndim == 1 else a, b.reshape(-1, 1) if b.ndim == 1 else b


def _rows(x: Array) -> Array:
    """All matrices one below the other."""
    return x.reshape(-1, x.shape[-1])


def _multiply(a: Array, b: Array, out: Array, call: Workspace) -> None:
    """out = a b, summed over the axes in which `out` was broadcast."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    full = (*batch, *out.shape[-2:])
    if full == out.shape:
        np.matmul(a, b, out=out)
        return
    call.ways.add("summed over where it was broadcast to")
    sum_to(np.matmul(a, b, out=call.pool.scratch("product", full)), out)
