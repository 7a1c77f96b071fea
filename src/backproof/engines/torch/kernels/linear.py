"""Fully connected layers."""

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import Linear


@computes(Linear)
def linear(op: Linear, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, in) -> y (N, out)."""
    (x,) = inputs
    return functional.linear(x, p["weight"], p.get("bias"))
