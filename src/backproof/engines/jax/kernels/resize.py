"""Images made larger or smaller."""

from typing import Literal

import numpy as np
from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Resize


@computes(Resize)
def resize(op: Resize, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, H, W) -> y (N, C, H', W'): rows, then columns."""
    (x,) = inputs
    return _along(op, _along(op, x, 0), 1)


def _along(op: Resize, x: Array, axis: Literal[0, 1]) -> Array:
    """(1 - w) x[lower] + w x[upper] along an axis. `jax.image.resize` has other conventions."""
    places = op.places(x.shape[2 + axis], axis)
    lower = jnp.take(x, np.array([place.lower for place in places]), 2 + axis)
    if op.mode == "nearest":
        return lower
    upper = jnp.take(x, np.array([place.upper for place in places]), 2 + axis)
    w = np.array([place.weight for place in places], x.dtype).reshape((-1, 1) if axis == 0 else (-1,))
    y: Array = (1 - w) * lower + w * upper
    return y
