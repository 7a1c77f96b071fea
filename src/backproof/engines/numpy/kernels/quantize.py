"""Numbers on a grid of whole numbers, and back.

QuantizeLinear    y = min(max(round(x / s) + z, least), most)    dx = 0
DequantizeLinear  y = (x - z) s                                  dx = dy s
"""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import AnyOp, Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import axis_of
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import DequantizeLinear, QuantizeLinear
from backproof.ops.quantize import Grids


class GridsKernel(NumpyKernel[AnyOp]):
    """In either layout."""

    layout: ClassVar = "any"

    @staticmethod
    def constants(op: Grids, x: Array, call: Workspace) -> tuple[Array, Array]:
        """s and z as they meet x, in its dtype."""
        axis = axis_of(op.axis, x.ndim, call.output_turned)
        s, z = (op.shaped(values, x.ndim, axis).astype(x.dtype) for values in (op.scale, op.zero_point))
        return s, z


@computes(KERNELS, QuantizeLinear)
class QuantizeLinearKernel(GridsKernel[QuantizeLinear]):
    """`rint` rounds halves to even."""

    def forward(self, op: QuantizeLinear, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        s, z = self.constants(op, x, call)
        least, most = op.bounds
        y = np.divide(x, s, out=call.borrow_output(x.shape))
        np.rint(y, out=y)
        y += z
        np.maximum(y, least, out=y)
        np.minimum(y, most, out=y)
        return y, ()

    def backward(self, op: QuantizeLinear, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        dx = call.borrow_gradient(dy.shape)
        dx[...] = 0
        return (dx,)


@computes(KERNELS, DequantizeLinear)
class DequantizeLinearKernel(GridsKernel[DequantizeLinear]):
    """Two passes, and one back."""

    def forward(
        self, op: DequantizeLinear, inputs: tuple[Array, ...], p: Arrays, call: Workspace
    ) -> tuple[Array, Saved]:
        (x,) = inputs
        s, z = self.constants(op, x, call)
        y = np.subtract(x, z, out=call.borrow_output(x.shape))
        y *= s
        return y, (s,)

    def backward(self, op: DequantizeLinear, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        (s,) = saved
        return (np.multiply(dy, s, out=call.borrow_gradient(dy.shape)),)
