"""Losses."""

from typing import Any

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.errors import UserError
from backproof.ops import MSE, NLLLoss, SoftmaxCrossEntropy
from backproof.ops.loss import OfLabels

LEFT_OUT = -1
"""What PyTorch is told to leave out where nothing is: a label that `_options` refuses."""


def _options(op: OfLabels, x: Tensor, labels: Tensor, node: str) -> dict[str, Any]:
    """What both losses of labels take, once the labels are known to be classes: PyTorch's own error has no name."""
    classes = x.shape[1]
    counted = labels if op.ignore_index is None else labels[labels != op.ignore_index]
    if counted.numel():
        low, high = (int(bound) for bound in counted.aminmax())
        if low < 0 or high >= classes:
            raise UserError(f"node '{node}': labels lie in 0..{classes - 1}, but some are {low} or {high}")
    return {
        "weight": None if op.class_weights is None else x.new_tensor(op.class_weights),
        "ignore_index": LEFT_OUT if op.ignore_index is None else op.ignore_index,
        "reduction": op.reduction,
    }


@computes(SoftmaxCrossEntropy)
def softmax_cross_entropy(op: SoftmaxCrossEntropy, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Logits (N, C, ...) and labels (N, ...) -> L, a scalar."""
    logits, labels = inputs
    options = _options(op, logits, labels, call.node)
    return functional.cross_entropy(logits, labels, label_smoothing=op.label_smoothing, **options)


@computes(NLLLoss)
def nll_loss(op: NLLLoss, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Log-probabilities (N, C, ...) and labels (N, ...) -> L, a scalar."""
    x, labels = inputs
    return functional.nll_loss(x, labels, **_options(op, x, labels, call.node))


@computes(MSE)
def mse(op: MSE, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x and t of one shape -> L, a scalar."""
    x, t = inputs
    return functional.mse_loss(x, t, reduction=op.reduction)
