"""Weights that stand by themselves."""

import torch
from torch import Tensor

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import Parameter


@computes(Parameter)
def parameter(op: Parameter, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """The weight, as a value of its own."""
    weight = p["weight"]
    return weight.view_as(weight) if op.kind == "float" else weight.to(torch.int64 if op.kind == "int" else torch.bool)
