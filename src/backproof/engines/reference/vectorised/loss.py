"""Losses: L = Σₙ sₙ lₙ / D   with   D = Σₙ sₙ uₙ for a mean, 1 for a sum; n runs over the samples."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.activation import log_softmax, sigmoid, softplus
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.errors import DataError
from backproof.graph import Array, Arrays
from backproof.ops import L1, MSE, BCEWithLogits, Hinge, NLLLoss, SmoothL1, SoftDice, SoftmaxCrossEntropy
from backproof.ops.label_loss import AnyLabelLoss
from backproof.ops.loss import AnyElementWise, AnyLoss


def by_sample(values: Array) -> Array:
    """Σ over all that a sample has, (N,)."""
    found: Array = np.sum(values.reshape(len(values), -1), 1)
    return found


def per_sample(numbers: Array, like: Array) -> Array:
    """(N,) -> (N, 1, ...), to meet all that a sample has."""
    return numbers.reshape(-1, *[1] * (like.ndim - 1))


class LossKernel(Kernel[AnyLoss, Call]):
    """∂L/∂x = sₙ / D ∂lₙ/∂x,   ∂L/∂t likewise,   ∂L/∂sₙ = (lₙ - L uₙ) / D for a mean, lₙ for a sum."""

    def terms(self, op: AnyLoss, x: Array, t: Array, node: str) -> tuple[Array, Array]:
        """lₙ and uₙ."""
        raise NotImplementedError

    def slopes(self, op: AnyLoss, x: Array, t: Array) -> tuple[Array, Array | None]:
        """∂lₙ/∂x and ∂lₙ/∂t; labels have none."""
        raise NotImplementedError

    def forward(self, op: AnyLoss, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        x, t = map(np.atleast_1d, inputs[:2])
        s = inputs[2] if op.sample_weights else np.ones(len(x))
        terms, u = self.terms(op, x, t, call.node)
        D = np.sum(s * u) if op.reduction == "mean" else np.ones(())
        with np.errstate(all="ignore"):  # the mean of nothing is NaN
            L = np.sum(s * terms) / D if D else np.array(np.nan)
        return np.asarray(L), (x, t, s, terms, u, D, L, inputs[0].shape)

    def backward(self, op: AnyLoss, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x, t, s, terms, u, D, L, shape = saved
        dx, dt = self.slopes(op, x, t)
        share = dy * s / D if D else np.full(len(x), np.nan)
        dx = (per_sample(share, dx) * dx).reshape(shape)
        dt = None if dt is None else (per_sample(share, dt) * dt).reshape(shape)
        if not op.sample_weights:
            return dx, dt
        counted = terms - L * u if op.reduction == "mean" else terms
        return dx, dt, dy * counted / D if D else np.full(len(x), np.nan)


class ElementWiseLossKernel(LossKernel[AnyElementWise]):
    """lₙ = Σ f(x, t) over the elements of a sample, uₙ their number."""

    def f(self, op: AnyElementWise, x: Array, t: Array) -> Array:
        """The loss of each element."""
        raise NotImplementedError

    def df(self, op: AnyElementWise, x: Array, t: Array) -> tuple[Array, Array]:
        """∂f/∂x and ∂f/∂t."""
        raise NotImplementedError

    def terms(self, op: AnyElementWise, x: Array, t: Array, node: str) -> tuple[Array, Array]:
        return by_sample(self.f(op, x, t)), np.full(len(x), x[0].size)

    def slopes(self, op: AnyElementWise, x: Array, t: Array) -> tuple[Array, Array | None]:
        return self.df(op, x, t)


@computes(VECTORISED, MSE)
class MSEKernel(ElementWiseLossKernel[MSE]):
    """f = (x - t)²."""

    def f(self, op: MSE, x: Array, t: Array) -> Array:
        found: Array = np.square(x - t)
        return found

    def df(self, op: MSE, x: Array, t: Array) -> tuple[Array, Array]:
        return 2 * (x - t), 2 * (t - x)


@computes(VECTORISED, L1)
class L1Kernel(ElementWiseLossKernel[L1]):
    """f = |x - t|."""

    def f(self, op: L1, x: Array, t: Array) -> Array:
        found: Array = np.abs(x - t)
        return found

    def df(self, op: L1, x: Array, t: Array) -> tuple[Array, Array]:
        return np.sign(x - t), np.sign(t - x)


@computes(VECTORISED, SmoothL1)
class SmoothL1Kernel(ElementWiseLossKernel[SmoothL1]):
    """f = d² / (2 β) where |d| < β, else |d| - β / 2."""

    def f(self, op: SmoothL1, x: Array, t: Array) -> Array:
        d = np.abs(x - t)
        found: Array = np.where(d < op.beta, d * d / (2 * op.beta), d - op.beta / 2)
        return found

    def df(self, op: SmoothL1, x: Array, t: Array) -> tuple[Array, Array]:
        slope = np.where(np.abs(x - t) < op.beta, (x - t) / op.beta, np.sign(x - t))
        return slope, -slope


@computes(VECTORISED, BCEWithLogits)
class BCEWithLogitsKernel(ElementWiseLossKernel[BCEWithLogits]):
    """f = P t softplus(-x) + (1 - t) softplus(x),   ∂f/∂x = (1 - t) σ(x) - P t σ(-x)."""

    def f(self, op: BCEWithLogits, x: Array, t: Array) -> Array:
        found: Array = self.positive(op, x) * t * softplus(-x) + (1 - t) * softplus(x)
        return found

    def df(self, op: BCEWithLogits, x: Array, t: Array) -> tuple[Array, Array]:
        P = self.positive(op, x)
        return (1 - t) * sigmoid(x) - P * t * sigmoid(-x), P * softplus(-x) - softplus(x)

    @staticmethod
    def positive(op: BCEWithLogits, x: Array) -> Array:
        """The weight of a positive: one number, or one a channel."""
        return np.reshape(op.pos_weight, (-1, *[1] * (x.ndim - 2)))


@computes(VECTORISED, SoftDice)
class SoftDiceKernel(LossKernel[SoftDice]):
    """lₙ = 1 - B / A,   B = 2 Σ p t + ε,   A = Σ p² + Σ t² + ε,   p = σ(x)."""

    @staticmethod
    def parts(op: SoftDice, x: Array, t: Array) -> tuple[Array, Array, Array]:
        """p, B and A."""
        p = sigmoid(x)
        return p, 2 * by_sample(p * t) + op.smooth, by_sample(p * p) + by_sample(t * t) + op.smooth

    def terms(self, op: SoftDice, x: Array, t: Array, node: str) -> tuple[Array, Array]:
        _, B, A = self.parts(op, x, t)
        return 1 - B / A, np.ones(len(x))

    def slopes(self, op: SoftDice, x: Array, t: Array) -> tuple[Array, Array | None]:
        """∂(B/A) = (∂B A - B ∂A) / A²."""
        p, B, A = self.parts(op, x, t)
        A, B = per_sample(A, x), per_sample(B, x)
        dp, dt = (2 * t * A - B * 2 * p) / A**2, (2 * p * A - B * 2 * t) / A**2
        return -dp * p * sigmoid(-x), -dt


class LabelLossKernel(LossKernel[AnyLabelLoss]):
    """lₙ = Σ w[label] f(row of the label, label) and uₙ = Σ w[label] over the labels of a sample that count."""

    def f(self, op: AnyLabelLoss, rows: Array, hot: Array, w: Array) -> Array:
        """The loss of each row (..., C); `hot` is 1 at its label, `w` are the weights of the classes."""
        raise NotImplementedError

    def df(self, op: AnyLabelLoss, rows: Array, hot: Array, w: Array) -> Array:
        """∂f/∂rows."""
        raise NotImplementedError

    @staticmethod
    def rows(op: AnyLabelLoss, x: Array, t: Array) -> tuple[Array, Array, Array, Array]:
        """Rows (..., C), one-hot labels, the weights of the classes, and whether each label counts."""
        classes = np.arange(x.shape[1])
        counts = np.ones(t.shape, bool) if op.ignore_index is None else t != op.ignore_index
        w = np.ones(len(classes)) if op.class_weights is None else np.array(op.class_weights)
        return np.moveaxis(x, 1, -1), 1.0 * (np.where(counts, t, 0)[..., None] == classes), w, counts

    def terms(self, op: AnyLabelLoss, x: Array, t: Array, node: str) -> tuple[Array, Array]:
        rows, hot, w, counts = self.rows(op, x, t)
        wrong = t[counts & ((t < 0) | (t >= len(w)))]
        if wrong.size:
            raise DataError(f"node '{node}': the label {wrong[0]} is none of the classes 0 to {len(w) - 1}")
        return by_sample(np.where(counts, self.f(op, rows, hot, w), 0)), by_sample(counts * (hot @ w))

    def slopes(self, op: AnyLabelLoss, x: Array, t: Array) -> tuple[Array, Array | None]:
        rows, hot, w, counts = self.rows(op, x, t)
        return np.moveaxis(np.where(counts[..., None], self.df(op, rows, hot, w), 0), -1, 1), None

    def backward(self, op: AnyLabelLoss, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        """What is ignored has no gradient, even where nothing counts and all else is NaN."""
        dx, *others = super().backward(op, dy, saved, p, g, call)
        counts = self.rows(op, saved[0], saved[1])[3]
        return np.where(counts[:, None], dx, 0), *others  # type: ignore[arg-type]


@computes(VECTORISED, SoftmaxCrossEntropy)
class SoftmaxCrossEntropyKernel(LabelLossKernel[SoftmaxCrossEntropy]):
    """f = - Σ q log π,   ∂f/∂x = π Σ q - q,   q = w ((1 - s) hot + s / C),   π = softmax x."""

    @staticmethod
    def q(op: SoftmaxCrossEntropy, hot: Array, w: Array) -> Array:
        return w * ((1 - op.label_smoothing) * hot + op.label_smoothing / len(w))

    def f(self, op: SoftmaxCrossEntropy, rows: Array, hot: Array, w: Array) -> Array:
        found: Array = -np.sum(self.q(op, hot, w) * log_softmax(rows, -1), -1)
        return found

    def df(self, op: SoftmaxCrossEntropy, rows: Array, hot: Array, w: Array) -> Array:
        q = self.q(op, hot, w)
        found: Array = np.exp(log_softmax(rows, -1)) * np.sum(q, -1, keepdims=True) - q
        return found


@computes(VECTORISED, NLLLoss)
class NLLLossKernel(LabelLossKernel[NLLLoss]):
    """f = - w[label] x[label]."""

    def f(self, op: NLLLoss, rows: Array, hot: Array, w: Array) -> Array:
        found: Array = -np.sum(w * np.where(hot, rows, 0), -1)
        return found

    def df(self, op: NLLLoss, rows: Array, hot: Array, w: Array) -> Array:
        return -w * hot


@computes(VECTORISED, Hinge)
class HingeKernel(LabelLossKernel[Hinge]):
    """f = w[label] / C Σ h[c]ᵖ over c other than the label,   h[c] = max(0, m + x[c] - x[label])."""

    @staticmethod
    def h(op: Hinge, rows: Array, hot: Array) -> Array:
        lead = op.margin + rows - np.sum(np.where(hot, rows, 0), -1, keepdims=True)
        return np.where(hot, 0, np.maximum(lead, 0))

    def f(self, op: Hinge, rows: Array, hot: Array, w: Array) -> Array:
        found: Array = hot @ w / len(w) * np.sum(self.h(op, rows, hot) ** op.p, -1)
        return found

    def df(self, op: Hinge, rows: Array, hot: Array, w: Array) -> Array:
        h = self.h(op, rows, hot)
        d = (hot @ w / len(w))[..., None] * op.p * np.where(h > 0, h ** (op.p - 1), 0)
        found: Array = d - hot * np.sum(d, -1, keepdims=True)
        return found
