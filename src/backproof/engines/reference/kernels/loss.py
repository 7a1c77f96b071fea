"""Losses."""

from math import exp, nan

import numpy as np

from backproof.engines.kernel import AnyOp, Call, Kernel, Saved, computes
from backproof.engines.reference.kernels.activation import log_softmax
from backproof.engines.reference.kernels.table import KERNELS
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.ops import MSE, NLLLoss, SoftmaxCrossEntropy
from backproof.ops.loss import OfLabels


def weight_of(op: OfLabels, label: int, classes: int, node: str) -> float:
    """w[label]; 0 for the label that does not count."""
    if label == op.ignore_index:
        return 0.0
    if not 0 <= label < classes:
        raise UserError(f"node '{node}': the label {label} is none of the classes 0 to {classes - 1}")
    return 1.0 if op.class_weights is None else op.class_weights[label]


def divide(total: float, divisor: float) -> float:
    """total / divisor; not a number where nothing counts, as the mean of nothing is none."""
    return total / divisor if divisor else nan


class OfLabelsKernel(Kernel[AnyOp, Call]):
    """What losses of labels share: where the labels stand, and what the sum is divided by."""

    @staticmethod
    def row(place: tuple[int, ...]) -> tuple[int | slice, ...]:
        """The index of all classes at the `place` (n, ...) of a label: (n, :, ...)."""
        return place[0], slice(None), *place[1:]

    @staticmethod
    def divisor(op: OfLabels, labels: Array, classes: int, node: str) -> float:
        """D = Σₙ w[label of n], or 1 for a sum."""
        total = sum(weight_of(op, int(labels[place]), classes, node) for place in np.ndindex(labels.shape))
        return total if op.reduction == "mean" else 1.0


@computes(KERNELS, SoftmaxCrossEntropy)
class SoftmaxCrossEntropyKernel(OfLabelsKernel[SoftmaxCrossEntropy]):
    """L = - 1/D Σₙ Σ꜀ q[n,c] log π[n,c]   with   π[n,c] = e^x[n,c] / Σₖ e^x[n,k].

    q[n,c] = w[c] ((1 - s) [c is the label of n] + s / C) with the class weights w and the label smoothing s; it is 0
    where the label does not count. D = Σₙ w[label of n], or 1 for a sum. n runs over samples, or over pixels.
    ∂ log π[n,k] / ∂x[n,c] = δ[k,c] - π[n,c], so

        ∂L/∂x[n,c] = - 1/D Σₖ q[n,k] (δ[k,c] - π[n,c]) = (π[n,c] Σₖ q[n,k] - q[n,c]) / D
    """

    def forward(self, op: SoftmaxCrossEntropy, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """Logits x (N, C, ...) and labels (N, ...) -> L, a scalar."""
        x, labels = inputs
        C, s = x.shape[1], op.label_smoothing
        D = self.divisor(op, labels, C, call.node)
        q, probability = np.zeros(x.shape), np.zeros(x.shape)
        total = 0.0
        for place in np.ndindex(labels.shape):
            row = self.row(place)
            if labels[place] == op.ignore_index:
                continue
            for c, log_probability in enumerate(log_softmax(x[row])):
                w = 1.0 if op.class_weights is None else op.class_weights[c]
                q[row][c] = w * ((1 - s) * (c == labels[place]) + s / C)
                probability[row][c] = exp(log_probability)
                total -= float(q[row][c]) * log_probability
        return np.array(divide(total, D)), (probability, q, labels, D)

    def backward(
        self, op: SoftmaxCrossEntropy, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        """dL (scalar) -> dx (N, C, ...); labels have no gradient."""
        probability, q, labels, D = saved
        dx = np.zeros(q.shape)
        for place in np.ndindex(labels.shape):
            row = self.row(place)
            if labels[place] != op.ignore_index:
                for c in range(q.shape[1]):
                    dx[row][c] = divide(dy * (probability[row][c] * sum(q[row]) - q[row][c]), D)
        return dx, None


@computes(KERNELS, NLLLoss)
class NLLLossKernel(OfLabelsKernel[NLLLoss]):
    """L = - 1/D Σₙ w[label] x[n, label]   with   D = Σₙ w[label], or 1 for a sum.

    Only x[n, label] is in the sum, so   ∂L/∂x[n, label] = - w[label] / D   and all others are 0.
    """

    def forward(self, op: NLLLoss, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """Log-probabilities x (N, C, ...) and labels (N, ...) -> L, a scalar."""
        x, labels = inputs
        C = x.shape[1]
        D = self.divisor(op, labels, C, call.node)
        total = 0.0
        for place in np.ndindex(labels.shape):
            w = weight_of(op, int(labels[place]), C, call.node)
            if labels[place] != op.ignore_index:
                total -= w * float(x[self.row(place)][labels[place]])
        return np.array(divide(total, D)), (x.shape, labels, D)

    def backward(
        self, op: NLLLoss, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call
    ) -> tuple[Array | None, ...]:
        """dL (scalar) -> dx (N, C, ...); labels have no gradient."""
        shape, labels, D = saved
        dx = np.zeros(shape)
        for place in np.ndindex(labels.shape):
            w = weight_of(op, int(labels[place]), shape[1], call.node)
            if labels[place] != op.ignore_index:
                dx[self.row(place)][labels[place]] = divide(-float(dy) * w, D)
        return dx, None


@computes(KERNELS, MSE)
class MSEKernel(Kernel[MSE, Call]):
    """L = 1/M Σᵢ (x[i] - t[i])² over all M elements; for a sum M is 1.

    ∂L/∂x[i] = 2 (x[i] - t[i]) / M          ∂L/∂t[i] = - ∂L/∂x[i]
    """

    def forward(self, op: MSE, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """x and t of one shape -> L, a scalar."""
        x, t = inputs
        M = x.size if op.reduction == "mean" else 1
        loss = 0.0
        for i in np.ndindex(x.shape):
            loss += float(x[i] - t[i]) ** 2 / M
        return np.array(loss), (x, t, M)

    def backward(self, op: MSE, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> tuple[Array | None, ...]:
        """dL (scalar) -> dx and dt of the inputs' shape."""
        x, t, M = saved
        dx, dt = np.zeros(x.shape), np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            dx[i] = dy * 2 * (x[i] - t[i]) / M
            dt[i] = -dx[i]
        return dx, dt
