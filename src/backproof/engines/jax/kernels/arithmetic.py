"""Arithmetic of two values."""

from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import one_line
from backproof.ops import Add, Div, Maximum, Minimum, Mul, Pow, Sub


def power(op: Pow, a: Array, b: Array) -> Array:
    """aᵇ; exponents of whole numbers as floats, since by these JAX knows the derivative of every power."""
    return jnp.power(a, b.astype(a.dtype))


one_line(
    {
        Add: lambda op, a, b: a + b,
        Sub: lambda op, a, b: a - b,
        Mul: lambda op, a, b: a * b,
        Div: lambda op, a, b: a / b,
        Pow: power,
        Minimum: lambda op, a, b: jnp.minimum(a, b),
        Maximum: lambda op, a, b: jnp.maximum(a, b),
    }
)
