"""Pixels added around images."""

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import Pad


@computes(Pad)
def pad(op: Pad, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, H, W) -> y (N, C, H + top + bottom, W + left + right)."""
    (x,) = inputs
    return functional.pad(x, op.sides, op.mode, op.value if op.mode == "constant" else None)
