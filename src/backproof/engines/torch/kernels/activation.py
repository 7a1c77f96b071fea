"""Activations."""

import torch
from torch.nn import functional

from backproof.engines.torch.kernels.table import one_line
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

one_line(
    {
        ELU: lambda op, x: functional.elu(x, op.alpha),
        GELU: lambda op, x: functional.gelu(x, approximate=op.approximate),
        Hardtanh: lambda op, x: functional.hardtanh(x, *op.bounds),
        LeakyReLU: lambda op, x: functional.leaky_relu(x, op.negative_slope),
        LogSoftmax: lambda op, x: torch.log_softmax(x, op.axis),
        ReLU: lambda op, x: torch.relu(x),
        ReLU6: lambda op, x: functional.hardtanh(x, *op.bounds),
        SiLU: lambda op, x: functional.silu(x),
        Sigmoid: lambda op, x: torch.sigmoid(x),
        Softmax: lambda op, x: torch.softmax(x, op.axis),
        Softplus: lambda op, x: functional.softplus(x, op.beta, op.threshold),
        Tanh: lambda op, x: torch.tanh(x),
    }
)
