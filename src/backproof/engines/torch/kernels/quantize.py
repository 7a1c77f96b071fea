"""Numbers on a grid of whole numbers, and back."""

import torch
from torch import Tensor

from backproof.engines.torch.kernels.table import one_line
from backproof.ops import DequantizeLinear, QuantizeLinear
from backproof.ops.quantize import Grids


def _constants(op: Grids, x: Tensor) -> tuple[Tensor, Tensor]:
    """s and z as they meet x."""
    s, z = (torch.tensor(op.shaped(values, x.ndim, op.axis)).to(x) for values in (op.scale, op.zero_point))
    return s, z


def _quantize(op: QuantizeLinear, x: Tensor) -> Tensor:
    s, z = _constants(op, x)
    return torch.clamp(torch.round(x / s) + z, *op.bounds)


def _dequantize(op: DequantizeLinear, x: Tensor) -> Tensor:
    s, z = _constants(op, x)
    return (x - z) * s


one_line({QuantizeLinear: _quantize, DequantizeLinear: _dequantize})
