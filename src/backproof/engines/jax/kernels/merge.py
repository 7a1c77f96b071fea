"""Operations on several inputs."""

from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Add, Concat, Mul


@computes(Add)
def add(op: Add, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """a and b of one shape -> y of the same."""
    a, b = inputs
    return a + b


@computes(Mul)
def mul(op: Mul, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """a and b of one shape -> y of the same."""
    a, b = inputs
    return a * b


@computes(Concat)
def concat(op: Concat, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """Each x (N, C, ...) -> y (N, Σ C, ...)."""
    return jnp.concatenate(inputs, axis=1)
