"""Losses of a number for each number; what all losses share."""

import torch
from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import L1, MSE, BCEWithLogits, SmoothL1, SoftDice
from backproof.ops.loss import ReducedLoss


def reduced(op: ReducedLoss, terms: Tensor, counts: Tensor, weights: Tensor | None = None) -> Tensor:
    """Σ s l / D of what the places (N, ...) contribute and count, with the weights s (N,) of samples."""
    if weights is not None:
        s = weights.reshape(-1, *[1] * (terms.ndim - 1))
        terms, counts = s * terms, s * counts
    return terms.sum() / counts.sum() if op.reduction == "mean" else terms.sum()


def of_elements(op: ReducedLoss, terms: Tensor, weights: list[Tensor]) -> Tensor:
    """Every element counts the same."""
    if weights:
        return reduced(op, terms, torch.ones_like(terms), *weights)
    return terms.mean() if op.reduction == "mean" else terms.sum()


@computes(MSE)
def mse(op: MSE, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x and t of one shape -> L, a scalar."""
    x, t, *weights = inputs
    if not weights:
        return functional.mse_loss(x, t, reduction=op.reduction)
    return of_elements(op, functional.mse_loss(x, t, reduction="none"), weights)


@computes(L1)
def l1(op: L1, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x and t of one shape -> L, a scalar."""
    x, t, *weights = inputs
    return of_elements(op, functional.l1_loss(x, t, reduction="none"), weights)


@computes(SmoothL1)
def smooth_l1(op: SmoothL1, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x and t of one shape -> L, a scalar."""
    x, t, *weights = inputs
    return of_elements(op, functional.smooth_l1_loss(x, t, reduction="none", beta=op.beta), weights)


@computes(BCEWithLogits)
def bce_with_logits(op: BCEWithLogits, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Logits x and t of one shape -> L, a scalar."""
    x, t, *weights = inputs
    positive = x.new_tensor(op.pos_weight)
    if positive.ndim:
        positive = positive.reshape(-1, *[1] * (x.ndim - 2))
    terms = functional.binary_cross_entropy_with_logits(x, t, pos_weight=positive, reduction="none")
    return of_elements(op, terms, weights)


@computes(SoftDice)
def soft_dice(op: SoftDice, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Logits x and masks t of one shape -> L, a scalar."""
    x, t, *weights = inputs
    probability, t = torch.sigmoid(x).flatten(1), t.flatten(1)
    both = 2 * (probability * t).sum(1) + op.smooth
    return of_elements(op, 1 - both / ((probability**2).sum(1) + (t**2).sum(1) + op.smooth), weights)
