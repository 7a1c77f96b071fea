"""Arithmetic of two values."""

import torch

from backproof.engines.torch.kernels.table import one_line
from backproof.ops import Add, Div, Maximum, Minimum, Mul, Pow, Sub

one_line(
    {
        Add: lambda op, a, b: a + b,
        Sub: lambda op, a, b: a - b,
        Mul: lambda op, a, b: a * b,
        Div: lambda op, a, b: a / b,
        Pow: lambda op, a, b: torch.pow(a, b),
        Minimum: lambda op, a, b: torch.minimum(a, b),
        Maximum: lambda op, a, b: torch.maximum(a, b),
    }
)
