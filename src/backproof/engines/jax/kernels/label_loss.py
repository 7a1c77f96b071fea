"""Losses of labels."""

import jax
from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Hinge, NLLLoss, SoftmaxCrossEntropy
from backproof.ops.label_loss import LabelLoss


@computes(SoftmaxCrossEntropy)
def softmax_cross_entropy(op: SoftmaxCrossEntropy, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """Logits (N, C, ...) and labels (N, ...) -> L, a scalar."""
    rows, labels, counts = _rows(op, *inputs[:2])
    log_p, w, s = jax.nn.log_softmax(rows, axis=1), _class_weights(op, rows), op.label_smoothing
    terms = (1 - s) * w[labels] * _picked(log_p, labels)
    if s:
        terms += s * jnp.mean(w * log_p, axis=1)
    return -_reduced(op, terms, w[labels], counts, *inputs[2:])


@computes(NLLLoss)
def nll_loss(op: NLLLoss, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """Log-probabilities (N, C, ...) and labels (N, ...) -> L, a scalar."""
    rows, labels, counts = _rows(op, *inputs[:2])
    w = _class_weights(op, rows)[labels]
    return -_reduced(op, w * _picked(rows, labels), w, counts, *inputs[2:])


@computes(Hinge)
def hinge(op: Hinge, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """Scores (N, C, ...) and labels (N, ...) -> L, a scalar."""
    rows, labels, counts = _rows(op, *inputs[:2])
    w = _class_weights(op, rows)[labels]
    lead = op.margin + rows - _picked(rows, labels)[:, None]
    near = (lead > 0) & (jnp.arange(rows.shape[1]) != labels[:, None])
    terms = w * jnp.mean(jnp.where(near, lead, 0) ** op.p, axis=1)
    return _reduced(op, terms, w, counts, *inputs[2:])


def _rows(op: LabelLoss, x: Array, labels: Array) -> tuple[Array, Array, Array]:
    """One row of classes a label, (R, C); labels, (R,); which count, (R,).

    What does not count is replaced by zeros, so that not even a NaN there is seen. The trainer has refused labels that
    are no classes.
    """
    rows, labels = jnp.moveaxis(x, 1, -1).reshape(-1, x.shape[1]), labels.reshape(-1)
    if op.ignore_index is None:
        return rows, labels, jnp.ones(labels.shape, bool)
    counts = labels != op.ignore_index
    return jnp.where(counts[:, None], rows, 0), jnp.where(counts, labels, 0), counts


def _class_weights(op: LabelLoss, rows: Array) -> Array:
    """w, (C,)."""
    return jnp.ones(rows.shape[1], rows.dtype) if op.class_weights is None else jnp.array(op.class_weights, rows.dtype)


def _picked(rows: Array, labels: Array) -> Array:
    """rows[n, label of n], (R,)."""
    return jnp.take_along_axis(rows, labels[:, None], axis=1)[:, 0]


def _reduced(op: LabelLoss, terms: Array, w: Array, counts: Array, weights: Array | None = None) -> Array:
    """Σ s terms / D over what counts; not a number where nothing does, as the mean of nothing is none."""
    if weights is not None:
        s = jnp.repeat(weights, len(terms) // len(weights))
        terms, w = s * terms, s * w
    total = jnp.sum(jnp.where(counts, terms, 0))
    return total / jnp.sum(jnp.where(counts, w, 0)) if op.reduction == "mean" else total
