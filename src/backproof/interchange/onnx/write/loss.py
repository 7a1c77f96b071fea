"""Losses of a number for each number; what all losses share.

A loss belongs to training, and no exported file has one. An engine that predicts says what the loss is all the same.
"""

import numpy as np

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import L1, MSE, BCEWithLogits, SmoothL1, SoftDice
from backproof.ops.loss import ReducedLoss


def reduced(w: Writer, op: ReducedLoss, terms: str, counts: str) -> str:
    """Σ l / Σ u of what the places contribute and count."""
    total = w("ReduceSum", terms, keepdims=0)
    return w("Div", total, w("ReduceSum", counts, keepdims=0)) if op.reduction == "mean" else total


def of_elements(w: Writer, op: ReducedLoss, terms: str, weights: tuple[str, ...], counted: int = 0) -> str:
    """Every element counts the same: `counted` of a sample, all of them if 0."""
    if not weights:
        return w("ReduceMean" if op.reduction == "mean" else "ReduceSum", terms, keepdims=0)
    (s,) = weights
    axes = 1 if counted else len(w.inputs[0])
    terms = w("Mul", w("Reshape", s, w.ints(-1, *[1] * (axes - 1))), terms)
    return reduced(w, op, terms, w("Mul", s, w.constant(counted or w.inputs[0].size)))


@writes(MSE)
def mse(w: Writer, op: MSE, x: str, t: str, *weights: str) -> str:
    d = w("Sub", x, t)
    return of_elements(w, op, w("Mul", d, d), weights)


@writes(L1)
def l1(w: Writer, op: L1, x: str, t: str, *weights: str) -> str:
    return of_elements(w, op, w("Abs", w("Sub", x, t)), weights)


@writes(SmoothL1)
def smooth_l1(w: Writer, op: SmoothL1, x: str, t: str, *weights: str) -> str:
    d = w("Sub", x, t)
    far = w("Abs", d)
    near = w("Mul", w("Mul", d, d), w.constant(0.5 / op.beta))
    terms = w("Where", w("Less", far, w.constant(op.beta)), near, w("Sub", far, w.constant(op.beta / 2)))
    return of_elements(w, op, terms, weights)


@writes(BCEWithLogits)
def bce_with_logits(w: Writer, op: BCEWithLogits, x: str, t: str, *weights: str) -> str:
    """(1 - t) x + (1 + (P - 1) t) softplus(-x)."""
    more = np.array(op.pos_weight) - 1
    if more.ndim:
        more = more.reshape(-1, *[1] * (len(w.inputs[0]) - 2))
    one = w.constant(1)
    rest = w("Mul", w("Add", one, w("Mul", w.constant(more), t)), w("Softplus", w("Neg", x)))
    return of_elements(w, op, w("Add", w("Mul", w("Sub", one, t), x), rest), weights)


@writes(SoftDice)
def soft_dice(w: Writer, op: SoftDice, x: str, t: str, *weights: str) -> str:
    """1 - (2 Σ p t + ε) / (Σ p² + Σ t² + ε) of each sample."""

    def summed(a: str, b: str) -> str:
        return w("ReduceSum", w("Flatten", w("Mul", a, b), axis=1), w.ints(1), keepdims=0)

    p, smooth = w("Sigmoid", x), w.constant(op.smooth)
    both = w("Add", w("Mul", w.constant(2), summed(p, t)), smooth)
    overlap = w("Div", both, w("Add", w("Add", summed(p, p), summed(t, t)), smooth))
    return of_elements(w, op, w("Sub", w.constant(1), overlap), weights, counted=1)
