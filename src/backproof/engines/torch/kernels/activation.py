"""Activations."""

import torch
from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh


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
