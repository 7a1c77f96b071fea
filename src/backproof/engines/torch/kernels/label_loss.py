"""Losses of labels."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.loss import reduced
from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.errors import DataError
from backproof.ops import Hinge, NLLLoss, SoftmaxCrossEntropy
from backproof.ops.label_loss import LabelLoss

IGNORED = -1
"""The label that PyTorch ignores where none is to be: a label that `_require_classes` refuses."""


def _require_classes(op: LabelLoss, x: Tensor, labels: Tensor, node: str) -> None:
    """Raise `UserError` for a label that is no class: PyTorch's own error has no name."""
    classes = x.shape[1]
    counted = labels if op.ignore_index is None else labels[labels != op.ignore_index]
    if counted.numel():
        low, high = (int(bound) for bound in counted.aminmax())
        if low < 0 or high >= classes:
            raise DataError(f"node '{node}': labels lie in 0..{classes - 1}, but some are {low} or {high}")


def _loss(
    function: Callable[..., Tensor], op: LabelLoss, inputs: tuple[Tensor, ...], node: str, **attributes: Any
) -> Tensor:
    """PyTorch's mean or sum; with weights of samples, ours of what it makes of each label."""
    x, labels, *weights = inputs
    _require_classes(op, x, labels, node)
    w = None if op.class_weights is None else x.new_tensor(op.class_weights)
    options = {"weight": w, "ignore_index": IGNORED if op.ignore_index is None else op.ignore_index, **attributes}
    if not weights:
        return function(x, labels, reduction=op.reduction, **options)
    return reduced(op, function(x, labels, reduction="none", **options), _counts(op, w, x, labels), weights[0])


def _counts(op: LabelLoss, w: Tensor | None, x: Tensor, labels: Tensor) -> Tensor:
    """w of each label, 0 where it is ignored."""
    counted = torch.ones_like(labels, dtype=torch.bool) if op.ignore_index is None else labels != op.ignore_index
    return counted.to(x.dtype) if w is None else torch.where(counted, w[labels.where(counted, 0)], 0)


@computes(SoftmaxCrossEntropy)
def softmax_cross_entropy(op: SoftmaxCrossEntropy, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Logits (N, C, ...) and labels (N, ...) -> L, a scalar."""
    return _loss(functional.cross_entropy, op, inputs, call.node, label_smoothing=op.label_smoothing)


@computes(NLLLoss)
def nll_loss(op: NLLLoss, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Log-probabilities (N, C, ...) and labels (N, ...) -> L, a scalar."""
    return _loss(functional.nll_loss, op, inputs, call.node)


@computes(Hinge)
def hinge(op: Hinge, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Scores (N, C, ...) and labels (N, ...) -> L, a scalar."""
    x, labels, *weights = inputs
    _require_classes(op, x, labels, call.node)
    w = None if op.class_weights is None else x.new_tensor(op.class_weights)
    counts = _counts(op, w, x, labels)
    rows = x.movedim(1, -1).reshape(-1, x.shape[1])
    known = (labels if op.ignore_index is None else labels.where(labels != op.ignore_index, 0)).reshape(-1)
    terms = functional.multi_margin_loss(rows, known, p=op.p, margin=op.margin, reduction="none")
    return reduced(op, counts * terms.reshape(labels.shape), counts, *weights)
