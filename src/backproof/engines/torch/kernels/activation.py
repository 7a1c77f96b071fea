"""Activations."""

import torch
from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import (
    ELU,
    GELU,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from backproof.ops.activation import Clip


@computes(ReLU)
def relu(op: ReLU, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return torch.relu(x)


@computes(LeakyReLU)
def leaky_relu(op: LeakyReLU, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return functional.leaky_relu(x, op.negative_slope)


@computes(Sigmoid)
def sigmoid(op: Sigmoid, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return torch.sigmoid(x)


@computes(Tanh)
def tanh(op: Tanh, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return torch.tanh(x)


@computes(GELU)
def gelu(op: GELU, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return functional.gelu(x, approximate=op.approximate)


@computes(SiLU)
def silu(op: SiLU, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return functional.silu(x)


@computes(Softplus)
def softplus(op: Softplus, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return functional.softplus(x, op.beta, op.threshold)


@computes(ELU)
def elu(op: ELU, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return functional.elu(x, op.alpha)


@computes(Hardtanh)
@computes(ReLU6)
def clip(op: Clip, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x of any shape -> y of the same."""
    (x,) = inputs
    return functional.hardtanh(x, *op.bounds)


@computes(Softmax)
def softmax(op: Softmax, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, ...) -> y of the same shape."""
    (x,) = inputs
    return torch.softmax(x, 1)


@computes(LogSoftmax)
def log_softmax(op: LogSoftmax, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, ...) -> y of the same shape."""
    (x,) = inputs
    return torch.log_softmax(x, 1)
