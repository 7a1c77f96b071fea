"""Normalisation."""

from math import prod

from jax import Array, lax
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import BatchNorm, GroupNorm, LayerNorm


def _moments(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """μ and the biased σ² over `axes`, which stay as 1; σ² from the differences, so nothing cancels."""
    mean = jnp.mean(x, axes, keepdims=True)
    return mean, jnp.mean((x - mean) ** 2, axes, keepdims=True)


@computes(BatchNorm)
def batch_norm(op: BatchNorm, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, ...) -> y of the same shape; in training new running statistics (C,) are left in `call.state`."""
    (x,) = inputs
    shape = (1, -1, *(1,) * (x.ndim - 2))
    if call.training:
        n = x.size // x.shape[1]
        op.require_values(n, call.node)
        mean, var = _moments(x, (0, *range(2, x.ndim)))
        _move_statistics(op, mean.ravel(), var.ravel() * (n / (n - 1)), p, call)
    else:
        mean, var = p["running_mean"].reshape(shape), p["running_var"].reshape(shape)
    return (x - mean) * lax.rsqrt(var + op.eps) * p["weight"].reshape(shape) + p["bias"].reshape(shape)


def _move_statistics(op: BatchNorm, mean: Array, var: Array, p: Arrays, call: Call) -> None:
    """running = (1 - momentum) running + momentum batch."""
    momentum: float | Array
    if op.momentum is None:
        call.state["num_batches_tracked"] = p["num_batches_tracked"] + 1
        momentum = 1 / call.state["num_batches_tracked"]
    else:
        momentum = op.momentum
    call.state["running_mean"] = (1 - momentum) * p["running_mean"] + momentum * mean
    call.state["running_var"] = (1 - momentum) * p["running_var"] + momentum * var


@computes(LayerNorm)
def layer_norm(op: LayerNorm, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, ..., *normalized_shape) -> y of the same shape."""
    (x,) = inputs
    mean, var = _moments(x, tuple(range(-len(op.dimensions), 0)))
    y = (x - mean) * lax.rsqrt(var + op.eps)
    y = y * p["weight"] if "weight" in p else y
    return y + p["bias"] if "bias" in p else y


@computes(GroupNorm)
def group_norm(op: GroupNorm, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, ...) -> y of the same shape."""
    (x,) = inputs
    groups = x.reshape(x.shape[0], op.num_groups, prod(x.shape[1:]) // op.num_groups)
    mean, var = _moments(groups, (2,))
    y = ((groups - mean) * lax.rsqrt(var + op.eps)).reshape(x.shape)
    shape = (-1, *(1,) * (x.ndim - 2))
    return y * p["weight"].reshape(shape) + p["bias"].reshape(shape) if op.affine else y
