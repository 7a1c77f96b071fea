"""Losses of a number for each number. `label_loss.py` has those of labels.

                 L = Σ s l / D                                 dx = s / D dl/dx        dt = s / D dl/dt, often - dx

MSE              l = (x - t)²                                  dl/dx = 2 (x - t)
L1               l = |x - t|                                   dl/dx = sign(x - t)
SmoothL1         l = d² / (2 β) or |d| - β / 2                 dl/dx = d / β, held between -1 and 1      d = x - t
BCEWithLogits    l = (1 - t) x + (1 + (P - 1) t) softplus(-x)  dl/dx = (1 + (P - 1) t) σ(x) - P t
                                                               dl/dt = (P - 1) softplus(-x) - x
SoftDice         l = 1 - d,  d = (2 Σ p t + ε) / A             dl/dx = -2 (t - d p) p (1 - p) / A        p = σ(x)
                 A = Σ p² + Σ t² + ε                           dl/dt = -2 (p - d t) / A

D is the number of elements, with weights s of samples their sum over all elements, or 1 for a sum. Weights get
ds = (Σ l - L u) / D, where u is the number of elements of a sample; Σ l for a sum.
"""

from typing import NamedTuple

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import L1, MSE, BCEWithLogits, SmoothL1, SoftDice
from backproof.ops.loss import AnyElementWise


class Weighed(NamedTuple):
    """A loss as a weighted mean or sum over samples.

    Attributes:
        s: weights of the samples, (N,).
        terms: loss of each sample, (N,).
        counts: how much of each counts, (N,) or one for all.
        divisor: D.
        loss: L.
    """

    s: Array
    terms: Array
    counts: Array | int
    divisor: float
    loss: Array

    @classmethod
    def of(cls, s: Array, terms: Array, counts: Array | int, *, mean: bool) -> "Weighed":
        """From its parts."""
        divisor = float(np.sum(s * counts, dtype=np.float64)) if mean else 1.0
        return cls(s, terms, counts if mean else 0, divisor, divided(np.dot(s, terms), divisor))

    def gradient(self, dy: Array) -> Array:
        """ds = (l - L u) / D, (N,)."""
        return divided((self.terms - self.loss * self.counts) * dy, self.divisor)


def divided(total: Array, divisor: float) -> Array:
    """total / D; not a number where nothing counts, as the mean of nothing is none."""
    quotient: Array = total / total.dtype.type(divisor or np.nan)
    return quotient


class ElementWiseLossKernel(NumpyKernel[AnyElementWise]):
    """What the losses of elements share: the mean, and weights of samples."""

    def terms(self, op: AnyElementWise, x: Array, t: Array, call: Workspace) -> tuple[Array, Saved]:
        """Losses that count the same, (N, ...), and what `slopes` needs besides x and t."""
        raise NotImplementedError

    def slopes(self, op: AnyElementWise, x: Array, t: Array, kept: Saved, dx: Array, dt: Array | None) -> None:
        """Fill dx with dl/dx, and dt, if it is wanted, with dl/dt."""
        raise NotImplementedError

    def total(self, terms: Array) -> Array:
        """Of losses without weights."""
        return np.asarray(np.add.reduce(terms.reshape(-1)))

    def forward(self, op: AnyElementWise, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        x, t, *weights = inputs
        terms, kept = self.terms(op, x, t, call)
        mean = op.reduction == "mean"
        if not weights:
            divisor = terms.size if mean else 1
            return self.total(terms) / divisor, (x, t, kept, divisor, None)
        call.ways.add("weights of samples")
        rows = terms.reshape(len(x), -1)
        weighed = Weighed.of(weights[0], rows.sum(axis=1), rows.shape[1], mean=mean)
        return weighed.loss, (x, t, kept, weighed.divisor, weighed)

    def backward(self, op: AnyElementWise, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        x, t, kept, divisor, weighed = saved
        dx = call.borrow("dx", x.shape)
        dt = call.borrow("dt", x.shape) if call.wants[1] else None
        self.slopes(op, x, t, kept, dx, dt)
        scale = divided(dy, divisor)
        if weighed is not None:
            scale = (scale * weighed.s).reshape(-1, *[1] * (x.ndim - 1))
        dx *= scale
        if dt is not None:
            dt *= scale
        ds = (weighed.gradient(dy) if call.wants[2] else None,) if weighed is not None else ()
        return (dx if call.wants[0] else None, dt, *ds)


@computes(KERNELS, MSE)
class MSEKernel(ElementWiseLossKernel[MSE]):
    """The mean squared error; without weights of samples, one dot product."""

    def forward(self, op: MSE, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        if op.sample_weights:
            return super().forward(op, inputs, p, call)
        call.ways.add("plain")
        x, t = inputs
        d = np.subtract(x, t, out=call.borrow("difference", x.shape))
        flat = d.reshape(-1)
        divisor = flat.size if op.reduction == "mean" else 1
        return np.dot(flat, flat) / divisor, (x, t, (d,), divisor, None)

    def terms(self, op: MSE, x: Array, t: Array, call: Workspace) -> tuple[Array, Saved]:
        d = np.subtract(x, t, out=call.borrow("difference", x.shape))
        return np.square(d, out=call.borrow("terms", x.shape)), (d,)

    def slopes(self, op: MSE, x: Array, t: Array, kept: Saved, dx: Array, dt: Array | None) -> None:
        np.multiply(kept[0], 2, out=dx)
        if dt is not None:
            np.negative(dx, out=dt)


@computes(KERNELS, L1)
class L1Kernel(ElementWiseLossKernel[L1]):
    """The mean absolute error."""

    def terms(self, op: L1, x: Array, t: Array, call: Workspace) -> tuple[Array, Saved]:
        d = np.subtract(x, t, out=call.borrow("difference", x.shape))
        return np.abs(d, out=call.borrow("terms", x.shape)), (d,)

    def slopes(self, op: L1, x: Array, t: Array, kept: Saved, dx: Array, dt: Array | None) -> None:
        np.sign(kept[0], out=dx)
        if dt is not None:
            np.negative(dx, out=dt)


@computes(KERNELS, SmoothL1)
class SmoothL1Kernel(ElementWiseLossKernel[SmoothL1]):
    """With c = d held between -β and β, both cases are one: l = (|d| - |c| / 2) |c| / β."""

    def terms(self, op: SmoothL1, x: Array, t: Array, call: Workspace) -> tuple[Array, Saved]:
        terms, c = call.borrow("terms", x.shape), call.borrow("c", x.shape)
        np.subtract(x, t, out=terms)
        np.clip(terms, -op.beta, op.beta, out=c)
        terms -= c / 2
        terms *= c
        terms /= op.beta
        return terms, (c,)

    def slopes(self, op: SmoothL1, x: Array, t: Array, kept: Saved, dx: Array, dt: Array | None) -> None:
        np.divide(kept[0], op.beta, out=dx)
        if dt is not None:
            np.negative(dx, out=dt)


@computes(KERNELS, BCEWithLogits)
class BCEWithLogitsKernel(ElementWiseLossKernel[BCEWithLogits]):
    """With e = e^-|x|, which cannot overflow:  softplus(-x) = max(-x, 0) + log(1 + e),  σ(x) = (1 or e) / (1 + e)."""

    def terms(self, op: BCEWithLogits, x: Array, t: Array, call: Workspace) -> tuple[Array, Saved]:
        e, softplus, terms = (call.borrow(name, x.shape) for name in ("e", "softplus", "terms"))
        np.abs(x, out=e)
        np.negative(e, out=e)
        np.exp(e, out=e)
        np.log1p(e, out=softplus)
        softplus -= np.minimum(x, 0, out=terms)
        np.subtract(1, t, out=terms)
        terms *= x
        weighed = op.pos_weight != 1
        terms += self.weights(op, t) * softplus if weighed else softplus
        return terms, (e, softplus)

    def slopes(self, op: BCEWithLogits, x: Array, t: Array, kept: Saved, dx: Array, dt: Array | None) -> None:
        e, softplus = kept
        np.copyto(dx, e)
        np.copyto(dx, 1, where=x >= 0)
        dx /= 1 + e
        dx *= self.weights(op, t)
        P = self.positive(op, x)
        dx -= P * t
        if dt is not None:
            np.multiply(softplus, P - 1, out=dt)
            dt -= x

    @staticmethod
    def positive(op: BCEWithLogits, x: Array) -> Array:
        """P, one or one a channel: the last axis."""
        return np.asarray(op.pos_weight, x.dtype)

    def weights(self, op: BCEWithLogits, t: Array) -> Array:
        """1 + (P - 1) t."""
        return np.asarray(1 + (self.positive(op, t) - 1) * t)


@computes(KERNELS, SoftDice)
class SoftDiceKernel(ElementWiseLossKernel[SoftDice]):
    """One term a sample, whose slope depends on all of its elements."""

    def terms(self, op: SoftDice, x: Array, t: Array, call: Workspace) -> tuple[Array, Saved]:
        rows, masks = x.reshape(len(x), -1), t.reshape(len(x), -1)
        probability = call.borrow("p", rows.shape)
        np.abs(rows, out=probability)
        np.negative(probability, out=probability)
        np.exp(probability, out=probability)
        total = 1 + probability
        np.copyto(probability, 1, where=rows >= 0)
        probability /= total
        both = 2 * np.einsum("ni,ni->n", probability, masks) + op.smooth
        whole = np.einsum("ni,ni->n", probability, probability) + np.einsum("ni,ni->n", masks, masks) + op.smooth
        d = both / whole
        return 1 - d, (probability, masks, d[:, None], whole[:, None])

    def slopes(self, op: SoftDice, x: Array, t: Array, kept: Saved, dx: Array, dt: Array | None) -> None:
        probability, masks, d, whole = kept
        dx.reshape(probability.shape)[...] = (masks - d * probability) * probability * (1 - probability) * (-2 / whole)
        if dt is not None:
            dt.reshape(probability.shape)[...] = (probability - d * masks) * (-2 / whole)
