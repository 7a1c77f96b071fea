"""Losses of labels."""

from math import exp

import numpy as np

from backproof.engines.kernel import Call, Saved, Slopes, computes
from backproof.engines.reference.kernels.activation import log_softmax
from backproof.engines.reference.kernels.loss import LossKernel
from backproof.engines.reference.kernels.table import KERNELS
from backproof.errors import DataError
from backproof.graph import Array, Arrays
from backproof.ops import Hinge, NLLLoss, SoftmaxCrossEntropy
from backproof.ops.label_loss import AnyLabelLoss


class LabelLossKernel(LossKernel[AnyLabelLoss]):
    """lₙ = Σ f(row of the label, label) and uₙ = Σ w[label] over the labels of a sample that count."""

    def f(self, op: AnyLabelLoss, row: Array, label: int) -> float:
        """The loss of one label, from its row (C,), w included."""
        raise NotImplementedError

    def df(self, op: AnyLabelLoss, row: Array, label: int) -> Array:
        """∂f/∂row, (C,)."""
        raise NotImplementedError

    def term(self, op: AnyLabelLoss, x: Array, t: Array, node: str) -> tuple[float, float]:
        """lₙ and uₙ of x (C, ...) and labels (...). Raises `UserError` for a label that is no class."""
        total = u = 0.0
        for place in np.ndindex(t.shape):
            label = int(t[place])
            if label == op.ignore_index:
                continue
            if not 0 <= label < len(x):
                raise DataError(f"node '{node}': the label {label} is none of the classes 0 to {len(x) - 1}")
            total += self.f(op, x[:, *place], label)
            u += weight(op, label)
        return total, u

    def slopes(self, op: AnyLabelLoss, x: Array, t: Array) -> tuple[Array, Array | None]:
        dx = np.zeros(x.shape)
        for place in np.ndindex(t.shape):
            if t[place] != op.ignore_index:
                dx[:, *place] = self.df(op, x[:, *place], int(t[place]))
        return dx, None

    def backward(self, op: AnyLabelLoss, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        """What is ignored has no gradient, even where nothing counts and all else is NaN."""
        dx, *others = super().backward(op, dy, saved, p, g, call)
        assert dx is not None
        for n, *place in np.argwhere(saved[1] == op.ignore_index):
            dx[n, :, *place] = 0
        return dx, *others


def weight(op: AnyLabelLoss, label: int) -> float:
    """w[label]."""
    return 1.0 if op.class_weights is None else op.class_weights[label]


@computes(KERNELS, SoftmaxCrossEntropy)
class SoftmaxCrossEntropyKernel(LabelLossKernel[SoftmaxCrossEntropy]):
    """f = - Σ꜀ q[c] log π[c]   with   π[c] = e^x[c] / Σₖ e^x[k].

    q[c] = w[c] ((1 - s) [c is the label] + s / C) with the class weights w and the label smoothing s.
    ∂ log π[k] / ∂x[c] = δ[k,c] - π[c], so

        ∂f/∂x[c] = - Σₖ q[k] (δ[k,c] - π[c]) = π[c] Σₖ q[k] - q[c]
    """

    def f(self, op: SoftmaxCrossEntropy, row: Array, label: int) -> float:
        return -sum(float(q) * log_p for q, log_p in zip(self.q(op, len(row), label), log_softmax(row), strict=True))

    def df(self, op: SoftmaxCrossEntropy, row: Array, label: int) -> Array:
        q = self.q(op, len(row), label)
        return np.array([exp(log_p) * sum(q) - q[c] for c, log_p in enumerate(log_softmax(row))])

    def q(self, op: SoftmaxCrossEntropy, C: int, label: int) -> Array:
        """q, (C,)."""
        s = op.label_smoothing
        return np.array([weight(op, c) * ((1 - s) * (c == label) + s / C) for c in range(C)])


@computes(KERNELS, NLLLoss)
class NLLLossKernel(LabelLossKernel[NLLLoss]):
    """f = - w[label] x[label], so   ∂f/∂x[label] = - w[label]   and all others are 0."""

    def f(self, op: NLLLoss, row: Array, label: int) -> float:
        return -weight(op, label) * float(row[label])

    def df(self, op: NLLLoss, row: Array, label: int) -> Array:
        dx = np.zeros(len(row))
        dx[label] = -weight(op, label)
        return dx


@computes(KERNELS, Hinge)
class HingeKernel(LabelLossKernel[Hinge]):
    """f = w[label] / C Σ h[c]ᵖ over c other than the label,   h[c] = max(0, m + x[c] - x[label]).

    Where h[c] > 0,   ∂h[c]/∂x[c] = 1 = - ∂h[c]/∂x[label], so

        ∂f/∂x[c] = w[label] / C p h[c]ᵖ⁻¹        ∂f/∂x[label] = - Σ꜀ ∂f/∂x[c]
    """

    def f(self, op: Hinge, row: Array, label: int) -> float:
        return weight(op, label) / len(row) * sum(h * h ** (op.p - 1) for h in self.h(op, row, label))

    def df(self, op: Hinge, row: Array, label: int) -> Array:
        w = weight(op, label) / len(row)
        dx = np.array([w * op.p * h ** (op.p - 1) if h > 0 else 0.0 for h in self.h(op, row, label)])
        dx[label] = -sum(dx)
        return dx

    def h(self, op: Hinge, row: Array, label: int) -> list[float]:
        """h[c], and 0 for the label itself."""
        lead = [op.margin + float(x - row[label]) for x in row]
        return [max(0.0, d) if c != label else 0.0 for c, d in enumerate(lead)]
