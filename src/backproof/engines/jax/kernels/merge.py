"""Operations on several inputs."""

from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Add, Concat, Mul, WeightedSum


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


@computes(WeightedSum)
def weighted_sum(op: WeightedSum, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """Each x of one shape -> y of the same."""
    return sum((w * x for w, x in zip(op.weights, inputs, strict=True)), jnp.zeros_like(inputs[0]))
