"""Pixels added around images."""

from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Pad


@computes(Pad)
def pad(op: Pad, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, H, W) -> y (N, C, H + top + bottom, W + left + right)."""
    (x,) = inputs
    left, right, top, bottom = op.sides
    widths = ((0, 0), (0, 0), (top, bottom), (left, right))
    if op.mode == "constant":
        return jnp.pad(x, widths, constant_values=op.value)
    return jnp.pad(x, widths, mode="reflect" if op.mode == "reflect" else "edge")
