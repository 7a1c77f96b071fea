"""Losses of labels in general: pixels, class weights, labels that do not count, sums. `loss.py` has the usual case.

SoftmaxCrossEntropy    L = - 1/D Σₙ Σ꜀ q log softmax(x)      dx = (softmax(x) Σ꜀ q - q) / D
                       q = w[c] ((1 - s) onehot(label) + s / C)
NLLLoss                L = - 1/D Σₙ w[label] x[n, label]     dx[n, label] = - w[label] / D

n runs over the labels that count, D = Σₙ w[label], or 1 for a sum. The rows of classes that count are gathered first:
what is left out is not even looked at.
"""

from typing import NamedTuple

import numpy as np

from backproof.engines.kernel import Saved, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import channels_first
from backproof.engines.numpy.workspace import Workspace
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.ops import NLLLoss, SoftmaxCrossEntropy
from backproof.ops.loss import OfLabels


class Counted(NamedTuple):
    """What counts of a batch: R rows of C classes.

    Attributes:
        shape: of the prediction, (N, ..., C) inside the engine.
        where: which rows count; all of them is a slice.
        labels: (R,).
        weights: w of each class, (C,).
        divisor: D.
    """

    shape: tuple[int, ...]
    where: Array | slice
    labels: Array
    weights: Array
    divisor: float

    def take(self, x: Array) -> Array:
        """The rows of x that count, (R, C)."""
        rows: Array = x.reshape(-1, self.shape[-1])[self.where]
        return rows

    def put(self, d: Array, call: Workspace) -> Array:
        """The gradient of x from that of the rows that count; of all others it is 0."""
        dx = call.borrow("dx", self.shape)
        dx[...] = 0
        dx.reshape(-1, self.shape[-1])[self.where] = d
        return dx

    def mean(self, total: Array) -> Array:
        """total / D; not a number where nothing counts, as the mean of nothing is none."""
        quotient: Array = total / total.dtype.type(self.divisor if self.divisor else np.nan)
        return quotient


def count(op: OfLabels, x: Array, labels: Array, call: Workspace) -> Counted:
    """Find what counts. Raises `UserError` for a label that is no class."""
    classes = x.shape[-1]
    labels = channels_first(labels).reshape(-1)
    where: Array | slice = slice(None)
    if op.ignore_index is not None:
        where = labels != op.ignore_index
        labels = labels[where]
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise UserError(
            f"node '{call.node}': labels lie in 0..{classes - 1}, but some are {labels.min()} or {labels.max()}"
        )
    weights = np.ones(classes, x.dtype) if op.class_weights is None else np.array(op.class_weights, x.dtype)
    divisor = float(weights[labels].sum(dtype=np.float64)) if op.reduction == "mean" else 1.0
    return Counted(x.shape, where, labels, weights, divisor)


def cross_entropy(
    op: SoftmaxCrossEntropy, x: Array, labels: Array, call: Workspace
) -> tuple[Array, tuple[Counted, Array, Array]]:
    """With z = x - max x:  - Σ꜀ q log softmax = Σ꜀ q (log Σ eᶻ - z)."""
    counted = count(op, x, labels, call)
    rows = counted.take(x)
    z = rows - rows.max(axis=1, keepdims=True, initial=-np.inf)
    e = np.exp(z)
    total = e.sum(axis=1, keepdims=True)
    q = np.zeros_like(z)
    q[np.arange(len(q)), counted.labels] = 1 - op.label_smoothing
    q += op.label_smoothing / q.shape[1]
    q *= counted.weights
    return counted.mean(np.sum(q * (np.log(total) - z))), (counted, e / total, q)


def cross_entropy_gradient(dy: Array, saved: tuple[Counted, Array, Array], call: Workspace) -> Array:
    """dx = (softmax(x) Σ꜀ q - q) / D."""
    counted, probability, q = saved
    return counted.put(counted.mean((probability * q.sum(axis=1, keepdims=True) - q) * dy), call)


@computes(KERNELS, NLLLoss)
class NLLLossKernel(NumpyKernel[NLLLoss]):
    """One number of each row."""

    def forward(self, op: NLLLoss, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        """L = - 1/D Σₙ w[label] x[n, label]."""
        x, labels = inputs
        counted = count(op, x, labels, call)
        true = counted.take(x)[np.arange(len(counted.labels)), counted.labels]
        return counted.mean(np.sum(-true * counted.weights[counted.labels])), (counted,)

    def backward(
        self, op: NLLLoss, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace
    ) -> tuple[Array | None, ...]:
        """dx[n, label] = - w[label] / D."""
        (counted,) = saved
        d = np.zeros((len(counted.labels), counted.shape[-1]), dy.dtype)
        d[np.arange(len(d)), counted.labels] = counted.mean(-dy * counted.weights[counted.labels])
        return (counted.put(d, call), None)
