"""Activations."""

import torch
from torch.nn import functional

from backproof.engines.torch.kernels.table import one_line
from backproof.ops import (
    CELU,
    ELU,
    GELU,
    SELU,
    Clamp,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedReLU,
)

one_line(
    {
        # PyTorch's own takes 1 / α in single precision.
        CELU: lambda op, x: op.alpha * functional.elu(x / op.alpha),
        Clamp: lambda op, x: torch.clamp(x, *op.bounds),
        ELU: lambda op, x: functional.elu(x, op.alpha),
        GELU: lambda op, x: functional.gelu(x, approximate=op.approximate),
        Hardsigmoid: lambda op, x: functional.hardtanh(op.alpha * x + op.beta, 0, 1),  # its own knows one α and β
        Hardswish: lambda op, x: functional.hardswish(x),
        Hardtanh: lambda op, x: functional.hardtanh(x, *op.bounds),
        LeakyReLU: lambda op, x: functional.leaky_relu(x, op.negative_slope),
        LogSoftmax: lambda op, x: torch.log_softmax(x, op.axis),
        Mish: lambda op, x: functional.mish(x),
        ReLU: lambda op, x: torch.relu(x),
        ReLU6: lambda op, x: functional.hardtanh(x, *op.bounds),
        # Its own knows one α and one λ.
        SELU: lambda op, x: op.scale * functional.elu(x, op.alpha),
        SiLU: lambda op, x: functional.silu(x),
        Sigmoid: lambda op, x: torch.sigmoid(x),
        Softmax: lambda op, x: torch.softmax(x, op.axis),
        Softplus: lambda op, x: functional.softplus(x, op.beta, op.threshold),
        Softsign: lambda op, x: functional.softsign(x),
        Tanh: lambda op, x: torch.tanh(x),
        ThresholdedReLU: lambda op, x: functional.threshold(x, op.alpha, 0.0),
    }
)
