"""Normalisation by the channels around."""

from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import LocalResponseNorm


@computes(LocalResponseNorm)
def local_response_norm(op: LocalResponseNorm, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, ...) -> y of the same shape."""
    (x,) = inputs
    channels = x.shape[1]
    around = [(0, 0), (op.before, op.size - 1 - op.before), *[(0, 0)] * (x.ndim - 2)]
    squares = jnp.pad(x * x, around)
    total = sum(squares[:, i : i + channels] for i in range(op.size))
    y: Array = x * (op.k + op.alpha / op.size * total) ** -op.beta
    return y
