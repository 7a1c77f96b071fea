"""BatchNorm + ReLU, and BatchNorm + Add + ReLU, as one pass over memory each way; Linear + ReLU in one buffer.

    y = max(a x + b [+ r], 0)
    dr = dy [y > 0]        dx as BatchNorm's, from dr

Each step is the same as in the kernels of the three operations, in the same order and in the same blocks: so are the
bits. See `norm.py` for a, b and the gradient.
"""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.fusion import BatchNormReLU, LinearReLU
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.kernels.linear import LinearKernel
from backproof.engines.numpy.kernels.norm import Blocks, ColumnKernel, Reduction, complete
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays


@computes(KERNELS, BatchNormReLU)
class BatchNormReLUKernel(ColumnKernel[BatchNormReLU]):
    """Inputs: x, and r where the chain holds an Add."""

    def forward(self, op: BatchNormReLU, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        x, *residual = (value.reshape(-1, value.shape[-1]) for value in inputs)
        x, a, b, mean, inverse = self.scale_and_shift(op.norm, x, p, call)
        y = call.borrow_output(inputs[0].shape)
        out = y.reshape(x.shape)
        self.apply(x, a, b, residual, out, call)
        return y, (x, out, a, mean, inverse, call.mode.training)

    def backward(self, op: BatchNormReLU, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        x, y, a, mean, inverse, training = saved
        d_gamma, d_beta = g["weight"], g["bias"]
        dr = call.borrow_gradient(dy.shape)
        masked = dr.reshape(x.shape)
        self.reduce(x, y, dy.reshape(x.shape), masked, d_gamma, d_beta, call)
        c, d = complete(d_gamma, d_beta, len(x), mean, inverse)
        coefficients = (a, c, d) if training else (a,)
        call.ways.add("without Add" if len(call.wants) == 1 else "with Add")
        if len(call.wants) == 1:  # nobody else takes dr: dx may take its place
            self.input_gradient(x, masked, masked, coefficients, call)
            return (dr,)
        dx = call.borrow_gradient(dy.shape)
        self.input_gradient(x, masked, dx.reshape(x.shape), coefficients, call)
        return dx, dr

    def apply(self, x: Array, a: Array, b: Array, residual: list[Array], y: Array, call: Workspace) -> None:
        """y = max(a x + b [+ r], 0)."""
        blocks = Blocks(x, call)
        scale, shift, zero = blocks.down("a", a), blocks.down("b", b), blocks.down("zero", 0)
        for rows, count in blocks:
            block = np.multiply(x[rows], scale[:count], out=y[rows])
            block += shift[:count]
            for r in residual:
                block += r[rows]
            np.maximum(block, zero[:count], out=block)

    def reduce(self, x: Array, y: Array, dy: Array, dr: Array, d_gamma: Array, d_beta: Array, call: Workspace) -> None:
        """dr = dy [y > 0], dβ = Σ dr, and Σ dr x, which becomes dγ."""
        blocks = Blocks(x, call)
        mask, sums = blocks.mask(), Reduction(x, d_gamma, d_beta, blocks, call.pool)
        for rows, count in blocks:
            positive = np.greater(y[rows], 0, out=mask[:count])
            sums.add(rows, np.multiply(dy[rows], positive, out=dr[rows]))


@computes(KERNELS, LinearReLU)
class LinearReLUKernel(NumpyKernel[LinearReLU]):
    """y = max(x W + b, 0).   dy [y > 0] is what the linear layer gets back."""

    layout: ClassVar = "canonical"
    linear = LinearKernel()

    def forward(self, op: LinearReLU, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        """The rectified values take the place of the linear layer's, which nobody needs."""
        y, (x,) = self.linear.forward(op.linear, inputs, p, call)
        return np.maximum(y, 0, out=y), (x, y)

    def backward(self, op: LinearReLU, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        """Mask, then the linear layer's gradient."""
        x, y = saved
        positive = np.greater(y, 0, out=call.pool.mask(y.shape))
        masked = np.multiply(dy, positive, out=call.pool.scratch("masked", dy.shape))
        return self.linear.backward(op.linear, masked, (x,), p, g, call)
