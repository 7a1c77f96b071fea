"""ReLU with a slope that is learned."""

import torch
from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import PReLU


@computes(PReLU)
def prelu(op: PReLU, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, ...) -> y of the same shape. PyTorch's own takes one slope, or one a channel."""
    (x,) = inputs
    if isinstance(op.num_parameters, int):
        return functional.prelu(x, p["weight"])
    return torch.where(x > 0, x, p["weight"] * x)
