"""Normalisation."""

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import BatchNorm, GroupNorm, LayerNorm


@computes(BatchNorm)
def batch_norm(op: BatchNorm, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, ...) -> y of the same shape; in training the running statistics (C,) move, in place."""
    (x,) = inputs
    momentum = op.momentum or 0.0
    if call.mode.training:
        op.require_values(x.numel() // x.shape[1], call.node)
        if op.momentum is None:
            momentum = 1 / p["num_batches_tracked"].add_(1).item()
    return functional.batch_norm(
        x, p["running_mean"], p["running_var"], p["weight"], p["bias"], call.mode.training, momentum, op.eps
    )


@computes(LayerNorm)
def layer_norm(op: LayerNorm, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, ..., *normalized_shape) -> y of the same shape."""
    (x,) = inputs
    return functional.layer_norm(x, op.dimensions, p.get("weight"), p.get("bias"), op.eps)


@computes(GroupNorm)
def group_norm(op: GroupNorm, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, ...) -> y of the same shape."""
    (x,) = inputs
    return functional.group_norm(x, op.num_groups, p.get("weight"), p.get("bias"), op.eps)
