"""Numbers on a grid of whole numbers, and back."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import DequantizeLinear, QuantizeLinear


@computes(VECTORISED, QuantizeLinear)
class QuantizeLinearKernel(Kernel[QuantizeLinear, Call]):
    """y = clip(round(x / s) + z),   dx = 0."""

    def forward(self, op: QuantizeLinear, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        s, z = (op.shaped(values, x.ndim, op.axis) for values in (op.scale, op.zero_point))
        return np.clip(np.round(x / s) + z, *op.bounds), ()

    def backward(self, op: QuantizeLinear, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (np.zeros_like(dy),)


@computes(VECTORISED, DequantizeLinear)
class DequantizeLinearKernel(Kernel[DequantizeLinear, Call]):
    """y = s x - s z,   dx = s dy."""

    def forward(self, op: DequantizeLinear, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        s, z = (op.shaped(values, x.ndim, op.axis) for values in (op.scale, op.zero_point))
        return s * x - s * z, (s,)

    def backward(self, op: DequantizeLinear, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (saved[0] * dy,)
