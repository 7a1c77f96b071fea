"""Activations."""

import jax
from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
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


@computes(ReLU)
def relu(op: ReLU, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return jax.nn.relu(x)


@computes(LeakyReLU)
def leaky_relu(op: LeakyReLU, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x of any shape -> y of the same. JAX's own has the derivative 1 at 0."""
    (x,) = inputs
    return jnp.where(x > 0, x, op.negative_slope * x)


@computes(Sigmoid)
def sigmoid(op: Sigmoid, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return jax.nn.sigmoid(x)


@computes(Tanh)
def tanh(op: Tanh, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return jnp.tanh(x)


@computes(GELU)
def gelu(op: GELU, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return jax.nn.gelu(x, approximate=op.approximate == "tanh")


@computes(SiLU)
def silu(op: SiLU, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return jax.nn.silu(x)


@computes(Softplus)
def softplus(op: Softplus, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return jnp.where(op.beta * x > op.threshold, x, jax.nn.softplus(op.beta * x) / op.beta)


@computes(ELU)
def elu(op: ELU, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x of any shape -> y of the same. The exponential is of 0 where it is not taken, for its derivative's sake."""
    (x,) = inputs
    return jnp.where(x > 0, x, op.alpha * jnp.expm1(jnp.where(x > 0, 0, x)))


@computes(Hardtanh)
@computes(ReLU6)
def clip(op: Clip, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x of any shape -> y of the same. On a bound JAX's own would give half of the derivative."""
    (x,) = inputs
    low, high = op.bounds
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


@computes(Softmax)
def softmax(op: Softmax, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, ...) -> y of the same shape."""
    (x,) = inputs
    return jax.nn.softmax(x, axis=1)


@computes(LogSoftmax)
def log_softmax(op: LogSoftmax, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, ...) -> y of the same shape."""
    (x,) = inputs
    return jax.nn.log_softmax(x, axis=1)
