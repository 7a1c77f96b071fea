"""Activations."""

import jax
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import one_line
from backproof.ops import (
    ELU,
    GELU,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from backproof.ops.activation import Clip


def clip(op: Clip, x: jax.Array) -> jax.Array:
    """On a bound JAX's own would give half of the derivative."""
    low, high = op.bounds
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


one_line(
    {
        # The exponential is of 0 where it is not taken, for its derivative's sake.
        ELU: lambda op, x: jnp.where(x > 0, x, op.alpha * jnp.expm1(jnp.where(x > 0, 0, x))),
        GELU: lambda op, x: jax.nn.gelu(x, approximate=op.approximate == "tanh"),
        Hardtanh: clip,
        # JAX's own has the derivative 1 at 0.
        LeakyReLU: lambda op, x: jnp.where(x > 0, x, op.negative_slope * x),
        LogSoftmax: lambda op, x: jax.nn.log_softmax(x, axis=op.axis),
        ReLU: lambda op, x: jax.nn.relu(x),
        ReLU6: clip,
        SiLU: lambda op, x: jax.nn.silu(x),
        Sigmoid: lambda op, x: jax.nn.sigmoid(x),
        Softmax: lambda op, x: jax.nn.softmax(x, axis=op.axis),
        Softplus: lambda op, x: jnp.where(op.beta * x > op.threshold, x, jax.nn.softplus(op.beta * x) / op.beta),
        Tanh: lambda op, x: jnp.tanh(x),
    }
)
