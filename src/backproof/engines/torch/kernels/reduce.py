"""One number of many, along axes."""

import torch
from torch import Tensor

from backproof.engines.torch.kernels.table import one_line
from backproof.ops import Amax, Amin, LogSumExp, Mean, Prod, Sum


def product(op: Prod, x: Tensor) -> Tensor:
    """PyTorch's own takes one axis at a time."""
    for axis in reversed(op.axes(x.ndim)):
        x = torch.prod(x, axis, keepdim=op.keepdim)
    return x


one_line(
    {
        Sum: lambda op, x: torch.sum(x, op.axes(x.ndim), op.keepdim),
        Mean: lambda op, x: torch.mean(x, op.axes(x.ndim), op.keepdim),
        Amax: lambda op, x: torch.amax(x, op.axes(x.ndim), op.keepdim),
        Amin: lambda op, x: torch.amin(x, op.axes(x.ndim), op.keepdim),
        Prod: product,
        LogSumExp: lambda op, x: torch.logsumexp(x, op.axes(x.ndim), op.keepdim),
    }
)
