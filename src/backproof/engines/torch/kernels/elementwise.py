"""Functions of one value."""

import torch

from backproof.engines.torch.kernels.table import one_line
from backproof.ops import Abs, Ceil, Cos, Erf, Exp, Floor, Log, Neg, Reciprocal, Round, Sign, Sin, Sqrt

one_line(
    {
        Neg: lambda op, x: torch.neg(x),
        Abs: lambda op, x: torch.abs(x),
        Exp: lambda op, x: torch.exp(x),
        Log: lambda op, x: torch.log(x),
        Sqrt: lambda op, x: torch.sqrt(x),
        Reciprocal: lambda op, x: torch.reciprocal(x),
        Erf: lambda op, x: torch.erf(x),
        Sin: lambda op, x: torch.sin(x),
        Cos: lambda op, x: torch.cos(x),
        Floor: lambda op, x: torch.floor(x),
        Ceil: lambda op, x: torch.ceil(x),
        Round: lambda op, x: torch.round(x),
        Sign: lambda op, x: torch.sign(x),
    }
)
