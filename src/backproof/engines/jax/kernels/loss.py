"""Losses of a number for each number; what all losses share."""

import jax
from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import L1, MSE, BCEWithLogits, SmoothL1, SoftDice
from backproof.ops.loss import ReducedLoss


def of_elements(op: ReducedLoss, terms: Array, weights: list[Array]) -> Array:
    """Σ s l / D of terms (N, ...) that count the same, with the weights s (N,) of samples, if there are any."""
    if not weights:
        return jnp.mean(terms) if op.reduction == "mean" else jnp.sum(terms)
    (s,) = weights
    total = jnp.sum(s * terms.reshape(len(s), -1).sum(1))
    return total / (jnp.sum(s) * (terms.size // len(s))) if op.reduction == "mean" else total


@computes(MSE)
def mse(op: MSE, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x and t of one shape -> L, a scalar."""
    x, t, *weights = inputs
    return of_elements(op, (x - t) ** 2, weights)


@computes(L1)
def l1(op: L1, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x and t of one shape -> L, a scalar. Not by `abs`, whose derivative at 0 is 1 in JAX."""
    x, t, *weights = inputs
    return of_elements(op, (x - t) * jnp.sign(x - t), weights)


@computes(SmoothL1)
def smooth_l1(op: SmoothL1, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x and t of one shape -> L, a scalar."""
    x, t, *weights = inputs
    d = jnp.abs(x - t)
    near = d < op.beta
    square = jnp.where(near, x - t, 0) ** 2 / (2 * op.beta)
    return of_elements(op, jnp.where(near, square, d - op.beta / 2), weights)


@computes(BCEWithLogits)
def bce_with_logits(op: BCEWithLogits, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """Logits x and t of one shape -> L, a scalar."""
    x, t, *weights = inputs
    positive = jnp.array(op.pos_weight, x.dtype)
    if positive.ndim:
        positive = positive.reshape(-1, *[1] * (x.ndim - 2))
    return of_elements(op, (1 - t) * x + (1 + (positive - 1) * t) * jax.nn.softplus(-x), weights)


@computes(SoftDice)
def soft_dice(op: SoftDice, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """Logits x and masks t of one shape -> L, a scalar."""
    x, t, *weights = inputs
    probability, t = jax.nn.sigmoid(x).reshape(len(x), -1), t.reshape(len(t), -1)
    both = 2 * (probability * t).sum(1) + op.smooth
    return of_elements(op, 1 - both / ((probability**2).sum(1) + (t**2).sum(1) + op.smooth), weights)
