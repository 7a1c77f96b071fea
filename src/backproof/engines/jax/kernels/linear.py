"""Fully connected layers."""

from jax import Array

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Linear


@computes(Linear)
def linear(op: Linear, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, in) -> y (N, out)."""
    (x,) = inputs
    y = x @ p["weight"].T
    return y + p["bias"] if "bias" in p else y
