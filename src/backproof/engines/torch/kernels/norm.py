"""Normalisation."""

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.errors import UserError
from backproof.ops import BatchNorm


@computes(BatchNorm)
def batch_norm(op: BatchNorm, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C) -> y (N, C); in training the running statistics (C,) move, in place."""
    (x,) = inputs
    if call.mode.training and x.shape[0] < 2:
        raise UserError(
            f"node '{call.node}': BatchNorm needs two samples or more in a training batch, not {x.shape[0]}; "
            f"choose a batch size that leaves no single sample over"
        )
    return functional.batch_norm(
        x, p["running_mean"], p["running_var"], p["weight"], p["bias"], call.mode.training, op.momentum, op.eps
    )
