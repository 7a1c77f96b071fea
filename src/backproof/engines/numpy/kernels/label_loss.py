"""Losses of labels.

                       L = Σₙ s l / D      D = Σₙ s w[label]       dx = s / D dl/dx

SoftmaxCrossEntropy    l = - Σ꜀ q log softmax(x)                   dl/dx = softmax(x) Σ꜀ q - q
                       q = w[c] ((1 - s) onehot(label) + s / C)
NLLLoss                l = - w[label] x[label]                     dl/dx[label] = - w[label]
Hinge                  l = w[label] / C Σ hᵖ                       dl/dx = w[label] / C p hᵖ⁻¹
                       h = max(0, m + x - x[label])                dl/dx[label] = - Σ of the others

n runs over the labels that count, D is 1 for a sum. The rows of classes that count are gathered first: what is
ignored is not even looked at. The usual cross-entropy, of samples that count the same, goes a faster way.
"""

from typing import NamedTuple

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.kernels.loss import Weighed, divided
from backproof.engines.numpy.workspace import Workspace
from backproof.errors import DataError
from backproof.graph import Array, Arrays
from backproof.ops import Hinge, NLLLoss, SoftmaxCrossEntropy
from backproof.ops.label_loss import AnyLabelLoss, LabelLoss


class Counted(NamedTuple):
    """What counts of a batch: R rows of C classes.

    Attributes:
        shape: of the prediction, (N, ..., C) inside the engine.
        where: which rows count; all of them is a slice.
        labels: (R,).
        weights: w of each class, (C,).
    """

    shape: tuple[int, ...]
    where: Array | slice
    labels: Array
    weights: Array

    @classmethod
    def of(cls, op: LabelLoss, x: Array, labels: Array, node: str) -> "Counted":
        """Find what counts. Raises `UserError` for a label that is no class."""
        classes = x.shape[-1]
        labels = labels.reshape(-1)
        where: Array | slice = slice(None)
        if op.ignore_index is not None:
            where = labels != op.ignore_index
            labels = labels[where]
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            raise DataError(
                f"node '{node}': labels lie in 0..{classes - 1}, but some are {labels.min()} or {labels.max()}"
            )
        weights = np.ones(classes, x.dtype) if op.class_weights is None else np.array(op.class_weights, x.dtype)
        return cls(x.shape, where, labels, weights)

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

    @property
    def samples(self) -> Array:
        """The sample of each row, (R,)."""
        rows = np.prod(self.shape[:-1], dtype=int)
        found: Array = np.arange(rows)[self.where] // (rows // self.shape[0])
        return found

    def by_sample(self, values: Array) -> Array:
        """Values of rows, (R,), summed over each sample, (N,)."""
        return np.bincount(self.samples, values, self.shape[0]).astype(values.dtype)


class LabelLossKernel(NumpyKernel[AnyLabelLoss]):
    """What the losses of labels share: which rows count, class weights, the mean, and weights of samples."""

    def terms(self, op: AnyLabelLoss, rows: Array, labels: Array, w: Array) -> tuple[Array, Saved]:
        """Of the rows (R, C): the losses, w included, (R,) or (R, C), to be added up; and what `slopes` needs."""
        raise NotImplementedError

    def slopes(self, op: AnyLabelLoss, kept: Saved) -> Array:
        """dl/dx, (R, C)."""
        raise NotImplementedError

    def forward(self, op: AnyLabelLoss, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        x, labels, *weights = inputs
        if weights:
            call.ways.add("weights of samples")
        if op.ignore_index is not None:
            call.ways.add("labels left out")
        counted = Counted.of(op, x, labels, call.node)
        w = counted.weights[counted.labels]
        terms, kept = self.terms(op, counted.take(x), counted.labels, counted.weights)
        mean = op.reduction == "mean"
        if not weights:
            divisor = float(w.sum(dtype=np.float64)) if mean else 1.0
            return divided(np.sum(terms), divisor), (counted, kept, divisor, None)
        by_row = terms.reshape(len(w), -1).sum(axis=1)
        weighed = Weighed.of(weights[0], counted.by_sample(by_row), counted.by_sample(w), mean=mean)
        return weighed.loss, (counted, kept, weighed.divisor, weighed)

    def backward(self, op: AnyLabelLoss, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        counted, kept, divisor, weighed = saved
        d = self.slopes(op, kept) * dy
        if weighed is None:
            return counted.put(divided(d, divisor), call), None
        d *= weighed.s[counted.samples, None]
        ds = weighed.gradient(dy) if call.wants[2] else None
        return counted.put(divided(d, divisor), call), None, ds


@computes(KERNELS, SoftmaxCrossEntropy)
class SoftmaxCrossEntropyKernel(LabelLossKernel[SoftmaxCrossEntropy]):
    """Softmax and cross-entropy in one, so that no log meets a 0."""

    def forward(
        self, op: SoftmaxCrossEntropy, inputs: tuple[Array, ...], p: Arrays, call: Workspace
    ) -> tuple[Array, Saved]:
        """With z = x - max x:  log softmax = z - log Σ eᶻ, so  L = mean(log Σ eᶻ - (1 - s) z[label] - s mean(z))."""
        if inputs[0].ndim > 2 or not op.plain:
            return super().forward(op, inputs, p, call)
        call.ways.add("plain")
        x, labels = inputs
        n, classes = x.shape
        z, e = call.borrow("z", x.shape), call.borrow("e", x.shape)
        largest = np.maximum.reduce(x, axis=1, keepdims=True, out=call.borrow("largest", (n, 1)))
        np.subtract(x, largest, out=z)
        np.exp(z, out=e)
        total = np.dot(e, call.pool.ones(classes), out=call.borrow("total", (n,)))
        true = self._true_class(labels, n, classes, call)
        s = op.label_smoothing
        loss = np.log(total, out=call.borrow("log_total", (n,)))
        z_true = z.take(true)
        loss -= z_true if not s else (1 - s) * z_true + s / classes * z.sum(axis=1)
        return np.add.reduce(loss) / n, (e, total, true)

    @staticmethod
    def _true_class(labels: Array, n: int, classes: int, call: Workspace) -> Array:
        """Where each sample's true class stands in the flattened (N, C)."""
        # As unsigned numbers, negative labels are large too: one comparison finds both kinds of wrong label.
        if np.maximum.reduce(labels.view(np.uint64)) >= classes:
            raise DataError(
                f"node '{call.node}': labels lie in 0..{classes - 1}, but some are {labels.min()} or {labels.max()}"
            )
        true = np.multiply(call.pool.counting(n), classes, out=call.borrow("true", (n,), np.int64))
        return np.add(true, labels, out=true)

    def backward(
        self, op: SoftmaxCrossEntropy, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace
    ) -> Slopes:
        """dx = (softmax(x) - q) / N,   softmax(x) = e / Σ e."""
        if isinstance(saved[0], Counted):
            return super().backward(op, dy, saved, p, g, call)
        e, total, true = saved
        n, classes = e.shape
        dx = call.borrow("dx", e.shape)
        np.divide(e, total[:, None], out=dx)
        dx.reshape(-1)[true] -= 1 - op.label_smoothing
        if op.label_smoothing:
            dx -= op.label_smoothing / classes
        dx *= float(dy) / n
        return (dx, None)

    def terms(self, op: SoftmaxCrossEntropy, rows: Array, labels: Array, w: Array) -> tuple[Array, Saved]:
        """With z = x - max x:  - Σ꜀ q log softmax = Σ꜀ q (log Σ eᶻ - z)."""
        z = rows - rows.max(axis=1, keepdims=True, initial=-np.inf)
        e = np.exp(z)
        total = e.sum(axis=1, keepdims=True)
        q = np.zeros_like(z)
        q[np.arange(len(q)), labels] = 1 - op.label_smoothing
        q += op.label_smoothing / q.shape[1]
        q *= w
        return q * (np.log(total) - z), (e / total, q)

    def slopes(self, op: SoftmaxCrossEntropy, kept: Saved) -> Array:
        probability, q = kept
        return np.asarray(probability * q.sum(axis=1, keepdims=True) - q)


@computes(KERNELS, NLLLoss)
class NLLLossKernel(LabelLossKernel[NLLLoss]):
    """One number of each row."""

    def terms(self, op: NLLLoss, rows: Array, labels: Array, w: Array) -> tuple[Array, Saved]:
        return -rows[np.arange(len(rows)), labels] * w[labels], (rows.shape, labels, w)

    def slopes(self, op: NLLLoss, kept: Saved) -> Array:
        shape, labels, w = kept
        d = np.zeros(shape, w.dtype)
        d[np.arange(len(d)), labels] = -w[labels]
        return d


@computes(KERNELS, Hinge)
class HingeKernel(LabelLossKernel[Hinge]):
    """The label's own place is set to 0, and counts for nothing."""

    def terms(self, op: Hinge, rows: Array, labels: Array, w: Array) -> tuple[Array, Saved]:
        each = np.arange(len(rows))
        h = np.maximum(rows - rows[each, labels][:, None] + op.margin, 0)
        h[each, labels] = 0
        scale = (w[labels] / rows.shape[1])[:, None]
        return scale * h**op.p, (each, labels, h, scale)

    def slopes(self, op: Hinge, kept: Saved) -> Array:
        each, labels, h, scale = kept
        d: Array = scale * (h > 0 if op.p == 1 else 2 * h)
        d[each, labels] = -d.sum(axis=1)
        return d
