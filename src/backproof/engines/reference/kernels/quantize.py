"""Numbers on a grid of whole numbers, and back."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import DequantizeLinear, QuantizeLinear


@computes(KERNELS, QuantizeLinear)
class QuantizeLinearKernel(Kernel[QuantizeLinear, Call]):
    """y[i] = round(x[i] / s) + z within the bounds: a stair, whose slope is 0."""

    def forward(self, op: QuantizeLinear, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        s, z = (np.broadcast_to(op.shaped(v, x.ndim, op.axis), x.shape) for v in (op.scale, op.zero_point))
        least, most = op.bounds
        y = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            y[i] = min(max(round(x[i] / s[i]) + z[i], least), most)
        return y, ()

    def backward(self, op: QuantizeLinear, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (np.zeros(dy.shape),)


@computes(KERNELS, DequantizeLinear)
class DequantizeLinearKernel(Kernel[DequantizeLinear, Call]):
    """y = (x - z) s   and   ∂L/∂x = dy s."""

    def forward(self, op: DequantizeLinear, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        return (x - op.shaped(op.zero_point, x.ndim, op.axis)) * op.shaped(op.scale, x.ndim, op.axis), ()

    def backward(self, op: DequantizeLinear, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        return (dy * op.shaped(op.scale, dy.ndim, op.axis),)
