"""ReLU with a slope that is learned."""

from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import PReLU


@computes(PReLU)
def prelu(op: PReLU, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, ...) -> y of the same shape."""
    (x,) = inputs
    w = p["weight"].reshape(op.broadcast(x.ndim))
    # The slope is 1 where it is not taken, so that an infinite one has no part there.
    return jnp.where(x > 0, x, jnp.where(x > 0, 1, w) * x)
