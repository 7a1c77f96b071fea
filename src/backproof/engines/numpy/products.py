"""Matrix products of small batches, in blocks of rows that OpenBLAS multiplies as they lie.

OpenBLAS copies both matrices into an order of its own before it multiplies them, which pays for large products. For
small ones, on processors with AVX-512, it has kernels that copy nothing. A product in which one side is a batch of a
few samples is worth no copy of a whole weight; cut into blocks of rows, each is small enough for those kernels.

Measured on one thread, blocks against the whole, in float32, for batches of 16 / 32 / 64 / 128:

    784 x 256    x W      0.58 / 0.67 / 0.81 / 0.89
                 xᵀ dy    0.50 / 0.63 / 0.78 / 1.0
    256 x 120    dy Wᵀ    0.65 / 0.80 / 1.15
"""

from functools import cache

import numpy as np

from backproof.graph import Array

SMALL = 1_000_000
"""Multiplications in a product, at most, for which OpenBLAS copies nothing (its `sgemm_small_kernel_permit`)."""

SMALL_TRANSPOSED = 1200
"""Where the right matrix is a transposed one, it copies nothing for outputs of at most so many elements."""

LEAST = 4
"""Rows of a block: with fewer, the kernel waits for the right matrix."""

LONG = 64
"""Where the right matrix is a transposed one, the columns from which blocks win; with 10 they take twice as long."""

BATCH, CACHED = 64, 1 << 20
"""Samples, and bytes of the right matrix, which every block reads anew, up to which blocks win on one thread."""


def product(a: Array, b: Array, out: Array) -> None:
    """out = a b.   a: (M, K)   b: (K, N)   out: (M, N), contiguous.

    The way depends on shapes, dtype and number of threads alone, and so do the bits.
    """
    m, n = out.shape
    k = len(b)
    rows, samples = SMALL // (k * n), min(m, k)
    if not b.flags.c_contiguous:  # slower kernels, which win for half as many samples, and for long enough sums
        rows, samples = min(rows, SMALL_TRANSPOSED // n) if k >= LONG else 0, 2 * m
    if m <= rows or rows < LEAST or b.nbytes > CACHED or samples > largest_batch():
        np.dot(a, b, out=out)
        return
    rows -= rows % LEAST
    whole = m - m % rows
    np.matmul(a[:whole].reshape(-1, rows, k), b, out=out[:whole].reshape(-1, rows, n))
    if whole < m:
        np.dot(a[whole:], b, out=out[whole:])


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
