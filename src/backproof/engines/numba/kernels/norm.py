"""BatchNorm, and BatchNorm [+ Add] + ReLU, in three or four passes over memory where NumPy takes a dozen.

The mathematics is that of the NumPy engine's `norm.py` and `fused.py`, whose kernels these are but for their loops:

    y = a x + b                         y = max(a x + b [+ r], 0)
    dγ, dβ from Σ dy x and Σ dy         the same of dr = dy [y > 0]
    dx = a (dy + c x + d)

μ and σ² are taken in one pass: of each block of rows its own mean and squared deviations from that, put together
(Chan, Golub & LeVeque 1979) as

    δ = μ' - μ        μ ← μ + δ n' / (n + n')        S ← S + S' + δ² n n' / (n + n')        σ² = S / n

So no digits are lost when μ is large beside σ. Sums within a block are in the arrays' dtype, sums over blocks in
float64: the error does not grow with the number of rows.
"""

import numpy as np

from backproof.engines.kernel import AnyOp, computes
from backproof.engines.numba.compiled import compiled
from backproof.engines.numba.kernels.kernel import KERNELS
from backproof.engines.numpy.fusion import BatchNormReLU
from backproof.engines.numpy.kernels import fused, norm
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array
from backproof.ops import BatchNorm


@compiled
def statistics(x: Array, mean: Array, variance: Array, rows: int) -> None:
    """μ and σ² of every column as above, in blocks of so many rows."""
    n, channels = x.shape
    block_mean, block_squares = np.empty_like(mean), np.empty_like(mean)
    total_mean, total_squares = np.zeros(channels), np.zeros(channels)
    for start in range(0, n, rows):
        stop = min(start + rows, n)
        count = stop - start
        block_mean[:] = 0
        for i in range(start, stop):
            for c in range(channels):
                block_mean[c] += x[i, c]
        block_mean /= x.dtype.type(count)
        block_squares[:] = 0
        for i in range(start, stop):
            for c in range(channels):
                centred = x[i, c] - block_mean[c]
                block_squares[c] += centred * centred
        for c in range(channels):
            delta = block_mean[c] - total_mean[c]
            total_mean[c] += delta * count / stop
            total_squares[c] += block_squares[c] + delta * delta * start * count / stop
    mean[:] = total_mean
    variance[:] = total_squares / n


@compiled
def scale(x: Array, a: Array, y: Array) -> None:
    """y = a x."""
    n, channels = x.shape
    for i in range(n):
        for c in range(channels):
            y[i, c] = a[c] * x[i, c]


@compiled
def affine(x: Array, a: Array, b: Array, y: Array) -> None:
    """y = a x + b."""
    n, channels = x.shape
    for i in range(n):
        for c in range(channels):
            y[i, c] = a[c] * x[i, c] + b[c]


@compiled
def affine_relu(x: Array, a: Array, b: Array, y: Array) -> None:
    """y = max(a x + b, 0)."""
    n, channels = x.shape
    zero = x.dtype.type(0)
    for i in range(n):
        for c in range(channels):
            y[i, c] = np.maximum(a[c] * x[i, c] + b[c], zero)


@compiled
def affine_add_relu(x: Array, a: Array, b: Array, r: Array, y: Array) -> None:
    """y = max(a x + b + r, 0)."""
    n, channels = x.shape
    zero = x.dtype.type(0)
    for i in range(n):
        for c in range(channels):
            y[i, c] = np.maximum(a[c] * x[i, c] + b[c] + r[i, c], zero)


@compiled
def sums(x: Array, dy: Array, d_gamma: Array, d_beta: Array, rows: int) -> None:
    """Σ dy x and Σ dy of every column."""
    n, channels = x.shape
    block_gamma, block_beta = np.empty_like(d_gamma), np.empty_like(d_beta)
    total_gamma, total_beta = np.zeros(channels), np.zeros(channels)
    for start in range(0, n, rows):
        block_gamma[:] = 0
        block_beta[:] = 0
        for i in range(start, min(start + rows, n)):
            for c in range(channels):
                block_gamma[c] += dy[i, c] * x[i, c]
                block_beta[c] += dy[i, c]
        total_gamma += block_gamma
        total_beta += block_beta
    d_gamma[:] = total_gamma
    d_beta[:] = total_beta


@compiled
def relu_sums(x: Array, y: Array, dy: Array, dr: Array, d_gamma: Array, d_beta: Array, rows: int) -> None:
    """dr = dy [y > 0], and Σ dr x and Σ dr of every column. Times 0, not simply 0, so that a NaN in dy is seen."""
    n, channels = x.shape
    zero = x.dtype.type(0)
    block_gamma, block_beta = np.empty_like(d_gamma), np.empty_like(d_beta)
    total_gamma, total_beta = np.zeros(channels), np.zeros(channels)
    for start in range(0, n, rows):
        block_gamma[:] = 0
        block_beta[:] = 0
        for i in range(start, min(start + rows, n)):
            for c in range(channels):
                masked = dy[i, c] if y[i, c] > zero else dy[i, c] * zero
                dr[i, c] = masked
                block_gamma[c] += masked * x[i, c]
                block_beta[c] += masked
        total_gamma += block_gamma
        total_beta += block_beta
    d_gamma[:] = total_gamma
    d_beta[:] = total_beta


@compiled
def input_gradient(x: Array, dy: Array, dx: Array, a: Array, c: Array, d: Array) -> None:
    """dx = a (dy + c x + d)."""
    n, channels = x.shape
    for i in range(n):
        for k in range(channels):
            dx[i, k] = a[k] * (dy[i, k] + c[k] * x[i, k] + d[k])


@compiled
def input_gradient_in_place(x: Array, dx: Array, a: Array, c: Array, d: Array) -> None:
    """The same where dx holds dy: two names for one array would keep the compiler from vector instructions."""
    n, channels = x.shape
    for i in range(n):
        for k in range(channels):
            dx[i, k] = a[k] * (dx[i, k] + c[k] * x[i, k] + d[k])


def _rows(x: Array, call: Workspace) -> int:
    """Rows of a block."""
    rows = call.pool.tuning.norm_rows
    call.ways.add("compiled")
    call.note_blocks(len(x), rows)
    return rows


class ColumnKernel(norm.ColumnKernel[AnyOp]):
    """The passes that BatchNorm shares with its fused form."""

    def statistics(self, x: Array, mean: Array, variance: Array, call: Workspace) -> None:
        statistics(x, mean, variance, _rows(x, call))

    def input_gradient(self, x: Array, dy: Array, dx: Array, coefficients: tuple[Array, ...], call: Workspace) -> None:
        if len(coefficients) == 1:
            scale(dy, *coefficients, dx)
        elif dx is dy:
            call.ways.add("input gradient in place")
            input_gradient_in_place(x, dx, *coefficients)
        else:
            input_gradient(x, dy, dx, *coefficients)


@computes(KERNELS, BatchNorm)
class BatchNormKernel(ColumnKernel[BatchNorm], norm.BatchNormKernel):
    """The NumPy engine's but for the passes."""

    def apply(self, x: Array, a: Array, b: Array, y: Array, call: Workspace) -> None:
        affine(x, a, b, y)

    def reduce(self, x: Array, dy: Array, d_gamma: Array, d_beta: Array, call: Workspace) -> None:
        sums(x, dy, d_gamma, d_beta, _rows(x, call))


@computes(KERNELS, BatchNormReLU)
class BatchNormReLUKernel(ColumnKernel[BatchNormReLU], fused.BatchNormReLUKernel):
    """The NumPy engine's but for the passes."""

    def apply(self, x: Array, a: Array, b: Array, residual: list[Array], y: Array, call: Workspace) -> None:
        if residual:
            (r,) = residual
            affine_add_relu(x, a, b, r, y)
        else:
            affine_relu(x, a, b, y)

    def reduce(self, x: Array, y: Array, dy: Array, dr: Array, d_gamma: Array, d_beta: Array, call: Workspace) -> None:
        relu_sums(x, y, dy, dr, d_gamma, d_beta, _rows(x, call))
