"""Losses of labels."""

import numpy as np

from backproof.interchange.onnx.write.loss import reduced
from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Hinge, NLLLoss, SoftmaxCrossEntropy
from backproof.ops.label_loss import LabelLoss


class Rows:
    """One row of classes a label: rows (R, C), labels (R, 1), which count (R, 1), the weights of their classes (R, 1).

    A label that is ignored is taken for class 0, and its terms are replaced by 0.
    """

    def __init__(self, w: Writer, op: LabelLoss, x: str, labels: str, weights: tuple[str, ...]) -> None:
        self._w, self._op, self._sample_weights, self._given = w, op, weights, labels
        axes = len(w.inputs[0])
        self.classes = int(w.inputs[0][1])
        last = w("Transpose", x, perm=[0, *range(2, axes), 1]) if axes > 2 else x
        self.rows = w("Reshape", last, w.ints(-1, self.classes))
        self.labels, self.ignored = w("Reshape", labels, w.ints(-1, 1)), ""
        if op.ignore_index is not None:
            self.ignored = w("Equal", self.labels, w.ints(op.ignore_index))
            self.labels = w("Where", self.ignored, w.ints(0), self.labels)
        self.class_weights = np.ones(self.classes) if op.class_weights is None else np.array(op.class_weights)
        self.weight = w("Gather", w.constant(self.class_weights), self.labels)

    def picked(self, rows: str) -> str:
        """Of each row what stands at its label, (R, 1)."""
        return self._w("GatherElements", rows, self.labels, axis=1)

    def reduced(self, terms: str) -> str:
        """The loss, from the terms (R, 1) of all labels."""
        w, counts = self._w, self.weight
        if self.ignored:
            terms, counts = (w("Where", self.ignored, w.constant(0), a) for a in (terms, counts))
        for s in self._sample_weights:
            by_label = w("Reshape", s, w.ints(-1, *[1] * (len(w.inputs[1]) - 1)))
            each = w("Reshape", w("Expand", by_label, w("Shape", self._given)), w.ints(-1, 1))
            terms, counts = w("Mul", each, terms), w("Mul", each, counts)
        return reduced(w, self._op, terms, counts)


@writes(SoftmaxCrossEntropy)
def softmax_cross_entropy(w: Writer, op: SoftmaxCrossEntropy, x: str, labels: str, *weights: str) -> str:
    """- (1 - s) w[label] log p[label] - s mean(w log p)."""
    rows, s = Rows(w, op, x, labels, weights), op.label_smoothing
    log_p = w("LogSoftmax", rows.rows, axis=1)
    terms = w("Mul", w("Mul", rows.weight, w.constant(s - 1)), rows.picked(log_p))
    if s:
        spread = w("ReduceMean", w("Mul", log_p, w.constant(rows.class_weights)), w.ints(1))
        terms = w("Sub", terms, w("Mul", spread, w.constant(s)))
    return rows.reduced(terms)


@writes(NLLLoss)
def nll_loss(w: Writer, op: NLLLoss, x: str, labels: str, *weights: str) -> str:
    rows = Rows(w, op, x, labels, weights)
    return rows.reduced(w("Neg", w("Mul", rows.weight, rows.picked(rows.rows))))


@writes(Hinge)
def hinge(w: Writer, op: Hinge, x: str, labels: str, *weights: str) -> str:
    """w[label] / C Σ max(0, m + x[c] - x[label])ᵖ over the classes c other than the label."""
    rows = Rows(w, op, x, labels, weights)
    lead = w("Relu", w("Add", w("Sub", rows.rows, rows.picked(rows.rows)), w.constant(op.margin)))
    others = w("Equal", rows.labels, w.ints(*range(rows.classes)))
    lead = w("Where", others, w.constant(0), lead)
    near = w("Mul", lead, lead) if op.p == 2 else lead
    return rows.reduced(w("Mul", rows.weight, w("ReduceMean", near, w.ints(1))))
