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

from backproof.engines.numpy.tuning import Tuning
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array


def product(a: Array, b: Array, out: Array, call: Workspace) -> None:
    """out = a b.   a: (M, K)   b: (K, N)   out: (M, N), contiguous.

    The way depends on shapes, dtype and number of threads alone, and so do the bits.
    """
    m, n = out.shape
    k = len(b)
    if not b.flags.c_contiguous:
        _transposed(a, b, out, call)
        return
    tuning = call.pool.tuning
    rows = tuning.product_multiplications // (k * n)
    if m <= rows or rows < tuning.product_rows or b.nbytes > tuning.product_bytes or min(m, k) > most_samples(tuning):
        call.ways.add("whole product")
        np.dot(a, b, out=out)
        return
    rows -= rows % tuning.product_rows
    whole = m - m % rows
    call.ways.add("product in blocks of rows, and a rest" if whole < m else "product in blocks of rows")
    np.matmul(a[:whole].reshape(-1, rows, k), b, out=out[:whole].reshape(-1, rows, n))
    if whole < m:
        np.dot(a[whole:], b, out=out[whole:])


def _transposed(a: Array, b: Array, out: Array, call: Workspace) -> None:
    """out = a b,   where b is a contiguous matrix seen transposed: in blocks of columns, with all samples in each."""
    m, n = out.shape
    k = len(b)
    tuning, columns = call.pool.tuning, call.pool.tuning.product_columns
    small = m < tuning.product_rows or m * n <= tuning.product_elements or k < tuning.product_terms
    whole = small or n % columns or b.nbytes > tuning.product_bytes
    if whole or not b.T.flags.c_contiguous or m > most_samples(tuning):
        call.ways.add("whole product, transposed")
        np.dot(a, b, out=out)
        return
    call.ways.add("product in blocks of columns, transposed")
    blocks = b.T.reshape(-1, columns, k).swapaxes(1, 2)
    np.matmul(a, blocks, out=out.reshape(m, -1, columns).swapaxes(0, 1))


def most_samples(tuning: Tuning) -> int:
    """Samples up to which blocks win."""
    return tuning.product_samples if tuning.product_anywhere else largest_batch(tuning.product_samples)


@cache
def largest_batch(samples: int) -> int:
    """Samples up to which blocks win: `samples` on one thread; 0 if the BLAS has no kernels for small products.

    A block is the work of one thread, while the whole is shared by all. Forget the answer when their number changes.
    """
    from threadpoolctl import threadpool_info

    for library in threadpool_info():
        with_them = library.get("architecture") in ("SkylakeX", "Cooperlake", "SapphireRapids")
        if library["internal_api"] == "openblas" and with_them:
            return samples // int(library["num_threads"])
    return 0
