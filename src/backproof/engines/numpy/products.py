"""Matrix products of small batches, in tiles that OpenBLAS multiplies as they lie.

OpenBLAS copies both matrices into an order of its own before it multiplies them, which pays for large products. For
small ones, on processors with AVX-512, it has kernels that copy nothing. A product in which one side is a batch of a
few samples is worth no copy of a whole weight, however large it is: cut into tiles, each is small.

Measured on one thread, tiles against the whole, batch 16 / 64 / 128, of weights (in, out) in float32:

    784 x 256    x W 0.57 / 0.82 / 1.08    xᵀ dy 0.49 / 0.75 / 0.90
    512 x 512    x W 0.64 / 0.94 / 0.97    xᵀ dy 0.48 / 0.84 / 0.96    dy Wᵀ 0.35 / 0.71 / 0.87
    784 x 512    x W 0.62 / 1.20 / 1.61    xᵀ dy 0.51 / 0.81 / 1.04
"""

from functools import cache

import numpy as np

from backproof.graph import Array

SMALL = 1_000_000
"""Multiplications in a product, at most, for which OpenBLAS copies nothing (its `sgemm_small_kernel_permit`)."""

SMALL_TRANSPOSED = 1200
"""Where the right matrix is a transposed one, it copies nothing for outputs of at most so many elements."""

BATCH, LARGE, CACHED = 64, 1 << 24, 1 << 20
"""Samples, multiplications, and bytes of the right matrix (which each row of tiles reads anew) up to which tiles win.

With two threads too, all in all, although a tile is the work of one.
"""

ROWS, COLUMN_BYTES = 16, 256
"""Tiles are whole multiples of 16 rows high and four registers wide: other sizes leave some of the kernel idle."""


def product(a: Array, b: Array, out: Array) -> None:
    """out = a b.   a: (M, K)   b: (K, N)   out: (M, N), contiguous. The way depends on shapes and dtype alone."""
    m, n = out.shape
    k = len(b)
    multiplications = m * n * k
    transposed = not b.flags.c_contiguous
    copies = multiplications > SMALL or (transposed and m * n > SMALL_TRANSPOSED)
    if copies and multiplications <= LARGE and min(m, k) <= BATCH and b.nbytes <= CACHED and has_small_kernels():
        _tiled(a, b, out, SMALL_TRANSPOSED if transposed else m * n)
    else:
        np.dot(a, b, out=out)


def _tiled(a: Array, b: Array, out: Array, largest: int) -> None:
    """The same in tiles of at most `largest` elements."""
    (m, k), n = a.shape, b.shape[1]
    columns = COLUMN_BYTES // out.itemsize
    if n % columns:
        columns = n
    limit = min(SMALL // (columns * k), largest // columns) // ROWS * ROWS
    if limit == 0:
        np.dot(a, b, out=out)
        return
    tiles = -(-m // limit)
    rows = min(m, -(-m // (tiles * ROWS)) * ROWS)  # about equal, so that no tile is much smaller than the others
    b = b.reshape(k, n // columns, columns).transpose(1, 0, 2)
    whole = m - m % rows
    out_rows = out[:whole].reshape(-1, rows, n // columns, columns).transpose(2, 0, 1, 3)
    np.matmul(a[:whole].reshape(-1, rows, k), b[:, None], out=out_rows)
    if whole < m:
        np.matmul(a[whole:], b, out=out[whole:].reshape(-1, n // columns, columns).transpose(1, 0, 2))


@cache
def has_small_kernels() -> bool:
    """Whether NumPy multiplies by an OpenBLAS that has kernels for small products: it does for AVX-512 alone."""
    from threadpoolctl import threadpool_info

    with_them = ("SkylakeX", "Cooperlake", "SapphireRapids")
    return any(
        library["internal_api"] == "openblas" and library["architecture"] in with_them for library in threadpool_info()
    )
