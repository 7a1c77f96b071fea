"""Matrix products of small batches, in blocks that OpenBLAS multiplies as they lie.

OpenBLAS copies both matrices into an order of its own before it multiplies them, which pays for large products. For
small ones, on processors with AVX-512, it has kernels that copy nothing. A product in which one side is a batch of a
few samples is worth no copy of a whole weight; cut into blocks of rows, or of columns where the right matrix is a
transposed one, each is small enough for those kernels.

Measured on one thread, blocks against the whole, in float32, for batches of 16 / 32 / 64 / 128:

    784 x 256    x W      0.58 / 0.67 / 0.81 / 0.89
                 xᵀ dy    0.50 / 0.63 / 0.78 / 1.0
    256 x 120    dy Wᵀ    0.66 / 0.83 / 1.0
    512 x 256    dy Wᵀ    0.41 / 0.55 / 0.78
"""

from functools import cache

import numpy as np

from backproof.graph import Array

SMALL = 1_000_000
"""Multiplications in a product, at most, for which OpenBLAS copies nothing (its `sgemm_small_kernel_permit`)."""

LEAST = 4
"""Rows of a block: with fewer, the kernel waits for the right matrix."""

SMALL_TRANSPOSED = 1200
"""Where the right matrix is a transposed one, it copies nothing for outputs of at most so many elements."""

COLUMNS, LONG = 8, 100
"""Columns of such a block, and the terms of a sum from which they pay."""

BATCH, CACHED = 64, 1 << 20
"""Samples, and bytes of the right matrix, which every block reads anew, up to which blocks win on one thread."""


def product(a: Array, b: Array, out: Array) -> None:
    """out = a b.   a: (M, K)   b: (K, N)   out: (M, N), contiguous.

    The way depends on shapes, dtype and number of threads alone, and so do the bits.
    """
    m, n = out.shape
    k = len(b)
    if not b.flags.c_contiguous:
        _transposed(a, b, out)
        return
    rows = SMALL // (k * n)
    if m <= rows or rows < LEAST or b.nbytes > CACHED or min(m, k) > largest_batch():
        np.dot(a, b, out=out)
        return
    rows -= rows % LEAST
    whole = m - m % rows
    np.matmul(a[:whole].reshape(-1, rows, k), b, out=out[:whole].reshape(-1, rows, n))
    if whole < m:
        np.dot(a[whole:], b, out=out[whole:])


def _transposed(a: Array, b: Array, out: Array) -> None:
    """out = a b,   where b is a contiguous matrix seen transposed: in blocks of columns, with all samples in each."""
    m, n = out.shape
    k = len(b)
    whole = m < LEAST or m * n <= SMALL_TRANSPOSED or n % COLUMNS or k < LONG or b.nbytes > CACHED
    if whole or not b.T.flags.c_contiguous or m > largest_batch():
        np.dot(a, b, out=out)
        return
    blocks = b.T.reshape(-1, COLUMNS, k).swapaxes(1, 2)
    np.matmul(a, blocks, out=out.reshape(m, -1, COLUMNS).swapaxes(0, 1))


@cache
def largest_batch() -> int:
    """Samples up to which blocks win; 0 if NumPy does not multiply by an OpenBLAS with kernels for small products.

    A block is the work of one thread, while the whole is shared by all. Forget the answer when their number changes.
    """
    from threadpoolctl import threadpool_info

    for library in threadpool_info():
        with_them = library.get("architecture") in ("SkylakeX", "Cooperlake", "SapphireRapids")
        if library["internal_api"] == "openblas" and with_them:
            return BATCH // int(library["num_threads"])
    return 0
