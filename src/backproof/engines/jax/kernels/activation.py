"""Activations."""

import jax
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import one_line
from backproof.ops import (
    CELU,
    ELU,
    GELU,
    SELU,
    Clamp,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedReLU,
)
from backproof.ops.activation import Clip


def clamp(op: Clamp, x: jax.Array) -> jax.Array:
    """On a bound x itself, whose derivative is 1."""
    low, high = op.bounds
    if low > high:
        return jnp.full_like(x, high)
    return jnp.where(x < low, low, jnp.where(x > high, high, x))


def hardsigmoid(op: Hardsigmoid, x: jax.Array) -> jax.Array:
    """On a bound its derivative is 0."""
    y = op.alpha * x + op.beta
    return jnp.where(y <= 0, 0, jnp.where(y >= 1, 1, y))


def mish(op: Mish, x: jax.Array) -> jax.Array:
    """x tanh(log(1 + eˣ))."""
    return x * jnp.tanh(jax.nn.softplus(x))


def clip(op: Clip, x: jax.Array) -> jax.Array:
    """On a bound JAX's own would give half of the derivative."""
    low, high = op.bounds
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


one_line(
    {
        CELU: lambda op, x: jnp.where(x > 0, x, op.alpha * jnp.expm1(jnp.where(x > 0, 0, x) / op.alpha)),
        Clamp: clamp,
        # The exponential is of 0 where it is not taken, for its derivative's sake.
        ELU: lambda op, x: jnp.where(x > 0, x, op.alpha * jnp.expm1(jnp.where(x > 0, 0, x))),
        GELU: lambda op, x: jax.nn.gelu(x, approximate=op.approximate == "tanh"),
        Hardsigmoid: hardsigmoid,
        Hardswish: lambda op, x: jnp.where(x <= -3, 0, jnp.where(x >= 3, x, x * (x + 3) / 6)),
        Hardtanh: clip,
        # JAX's own has the derivative 1 at 0.
        LeakyReLU: lambda op, x: jnp.where(x > 0, x, op.negative_slope * x),
        LogSoftmax: lambda op, x: jax.nn.log_softmax(x, axis=op.axis),
        Mish: mish,
        ReLU: lambda op, x: jax.nn.relu(x),
        ReLU6: clip,
        SELU: lambda op, x: op.scale * jnp.where(x > 0, x, op.alpha * jnp.expm1(jnp.where(x > 0, 0, x))),
        SiLU: lambda op, x: jax.nn.silu(x),
        Sigmoid: lambda op, x: jax.nn.sigmoid(x),
        Softmax: lambda op, x: jax.nn.softmax(x, axis=op.axis),
        Softplus: lambda op, x: jnp.where(op.beta * x > op.threshold, x, jax.nn.softplus(op.beta * x) / op.beta),
        # Its derivative at 0 is 1, where that of |x| has no part.
        Softsign: lambda op, x: x / (1 + jnp.where(x < 0, -x, x)),
        Tanh: lambda op, x: jnp.tanh(x),
        ThresholdedReLU: lambda op, x: jnp.where(x > op.alpha, x, 0),
    }
)
