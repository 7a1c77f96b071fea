"""The gradient of broadcasting, in buffers."""

import numpy as np

from backproof.graph import Array


def sum_to(terms: Array, out: Array) -> None:
    """Fill `out` with the sum of `terms` over the axes along which `out` was broadcast to their shape."""
    lacking = terms.ndim - out.ndim
    spread = out[(np.newaxis,) * lacking]
    axes = tuple(axis for axis, size in enumerate(spread.shape) if size != terms.shape[axis])
    np.sum(terms, axis=axes, keepdims=True, out=spread)
