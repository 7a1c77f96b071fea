"""Losses."""

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import MSE, SoftmaxCrossEntropy


@computes(SoftmaxCrossEntropy)
def softmax_cross_entropy(op: SoftmaxCrossEntropy, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Logits (N, C) and labels (N,) -> L, a scalar."""
    logits, labels = inputs
    return functional.cross_entropy(logits, labels, label_smoothing=op.label_smoothing)


@computes(MSE)
def mse(op: MSE, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x and t of one shape -> L, a scalar."""
    x, t = inputs
    return functional.mse_loss(x, t)
