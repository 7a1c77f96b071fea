"""Operations on several inputs."""

import torch
from torch import Tensor

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import Add, Concat, Mul, WeightedSum


@computes(Add)
def add(op: Add, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """a and b of one shape -> y of the same."""
    a, b = inputs
    return a + b


@computes(Mul)
def mul(op: Mul, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """a and b of one shape -> y of the same."""
    a, b = inputs
    return a * b


@computes(Concat)
def concat(op: Concat, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Each x (N, C, ...) -> y (N, Σ C, ...)."""
    return torch.cat(inputs, 1)


@computes(WeightedSum)
def weighted_sum(op: WeightedSum, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Each x of one shape -> y of the same."""
    return sum((w * x for w, x in zip(op.weights, inputs, strict=True)), torch.zeros_like(inputs[0]))
