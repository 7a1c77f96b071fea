"""Weights that stand by themselves."""

from torch import Tensor

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import Parameter


@computes(Parameter)
def parameter(op: Parameter, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """The weight, as a value of its own."""
    return p["weight"].view_as(p["weight"])
