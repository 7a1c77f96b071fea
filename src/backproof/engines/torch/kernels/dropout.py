"""Dropout."""

import torch
from torch import Tensor

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import Dropout, Dropout2d
from backproof.ops.dropout import Dropping


@computes(Dropout)
@computes(Dropout2d)
def dropout(op: Dropping, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x of any shape -> y of the same. The mask is ours, not PyTorch's, so that it is the same in every engine."""
    (x,) = inputs
    if not call.mode.training:
        return x.view_as(x)
    kept = torch.from_numpy(op.mask(tuple(x.shape), call.mode.seed, call.mode.step, call.node))
    return x * kept.to(x.device, x.dtype).mul_(1 / (1 - op.p))
