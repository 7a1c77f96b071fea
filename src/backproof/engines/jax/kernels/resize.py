"""Images made larger or smaller."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Resize


@computes(Resize)
def resize(op: Resize, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, H, W) -> y (N, C, H', W'): rows, then columns."""
    (x,) = inputs
    y = _along(op, _along(op, x, 0), 1)
    if op.roi is not None:
        rows, columns = (_inside(op, x, axis) for axis in (0, 1))
        y = jnp.where(np.outer(rows, columns), y, op.extrapolation_value)
    return y


def _along(op: Resize, x: Array, axis: Literal[0, 1]) -> Array:
    """Σ w x[k] along an axis. `jax.image.resize` has other conventions."""
    taps = op.taps(x.shape[2 + axis], axis)
    width = max(1, max(len(tap.rows) for tap in taps))
    rows, weights = np.zeros((width, len(taps)), int), np.zeros((width, len(taps)), x.dtype)
    for i, tap in enumerate(taps):
        rows[: len(tap.rows), i], weights[: len(tap.rows), i] = tap
    parts = [
        jnp.take(x, k, 2 + axis) * w.reshape((-1, 1) if axis == 0 else (-1,))
        for k, w in zip(rows, weights, strict=True)
    ]
    y: Array = sum(parts[1:], parts[0])
    return y


def _inside(op: Resize, x: Array, axis: Literal[0, 1]) -> npt.NDArray[np.bool_]:
    return np.array([bool(tap.rows) for tap in op.taps(x.shape[2 + axis], axis)])
