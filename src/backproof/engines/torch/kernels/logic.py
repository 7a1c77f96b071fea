"""Truth values and whole numbers: comparing, choosing, converting."""

import torch
from torch import Tensor

from backproof.engines.torch.kernels.table import Call, Tensors, computes, one_line
from backproof.ops import ArgMax, Cast, Compare, IsNaN, LogicalAnd, LogicalNot, LogicalOr, Where

RELATIONS = {
    "equal": torch.eq,
    "less": torch.lt,
    "less_or_equal": torch.le,
    "greater": torch.gt,
    "greater_or_equal": torch.ge,
}


def arg_max(op: ArgMax, x: Tensor) -> Tensor:
    """The last is the first from behind."""
    if op.select_last_index:
        return x.shape[op.dim] - 1 - torch.argmax(torch.flip(x, [op.dim]), op.dim, op.keepdim)
    return torch.argmax(x, op.dim, op.keepdim)


@computes(Cast)
def cast(op: Cast, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """A copy, of floats in the trainer's dtype."""
    (x,) = inputs
    dtype = {"float": call.dtype, "int": torch.int64, "bool": torch.bool}[op.kind]
    return x.to(dtype, copy=True)


one_line(
    {
        ArgMax: arg_max,
        Compare: lambda op, a, b: RELATIONS[op.relation](a, b),
        IsNaN: lambda op, x: torch.isnan(x),
        LogicalAnd: lambda op, a, b: torch.logical_and(a, b),
        LogicalNot: lambda op, x: torch.logical_not(x),
        LogicalOr: lambda op, a, b: torch.logical_or(a, b),
        Where: lambda op, c, a, b: torch.where(c, a, b),
    }
)
