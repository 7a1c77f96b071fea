"""BatchNorm + ReLU, and BatchNorm + Add + ReLU, as one pass over memory each way.

    y = max(a x + b [+ r], 0)
    dr = dy [y > 0]        dx as BatchNorm's, from dr

Each step is the same as in the kernels of the three operations, in the same order and in the same blocks: so are the
bits. See `norm.py` for a, b and the gradient.
"""

import numpy as np

from backproof.engines.kernel import Saved, computes
from backproof.engines.numpy.buffers import Lender
from backproof.engines.numpy.fusion import BatchNormReLU
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.kernels.norm import Blocks, Reduction, input_gradient, scale_and_shift
from backproof.graph import Array, Arrays


@computes(KERNELS, BatchNormReLU)
class BatchNormReLUKernel(NumpyKernel[BatchNormReLU]):
    """Inputs: x, and r where the chain holds an Add."""

    def forward(self, op: BatchNormReLU, inputs: tuple[Array, ...], p: Arrays, call: Lender) -> tuple[Array, Saved]:
        """y = max(a x + b [+ r], 0)."""
        x, *residual = (value.reshape(-1, value.shape[-1]) for value in inputs)
        a, b, mean, inverse = scale_and_shift(op.norm, x, p, call)
        y = call.lend("y", inputs[0].shape)
        out, blocks = y.reshape(x.shape), Blocks(x, call.pool)
        scale, shift = blocks.down("a", a), blocks.down("b", b)
        for rows, count in blocks:
            block = np.multiply(x[rows], scale[:count], out=out[rows])
            block += shift[:count]
            for r in residual:
                block += r[rows]
            np.maximum(block, 0, out=block)
        return y, (x, out, a, mean, inverse, call.mode.training)

    def backward(
        self, op: BatchNormReLU, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Lender
    ) -> tuple[Array | None, ...]:
        """dr = dy [y > 0], and dx from it."""
        x, y, a, mean, inverse, training = saved
        incoming, blocks = dy.reshape(x.shape), Blocks(x, call.pool)
        dr = call.lend_gradient(dy.shape)
        masked, mask = dr.reshape(x.shape), blocks.mask()
        sums = Reduction(x, g, blocks, call.pool)
        for rows, count in blocks:
            positive = np.greater(y[rows], 0, out=mask[:count])
            sums.add(rows, np.multiply(incoming[rows], positive, out=masked[rows]))
        c, d = sums.finish(mean, inverse)
        # Who else takes dr must find it whole; without an Add nobody does, and dx may take its place.
        dx = call.lend_gradient(dy.shape) if len(call.wants) > 1 else dr
        input_gradient(x, masked, dx.reshape(x.shape), (a, c, d) if training else (a,), blocks)
        return (dx, dr)[: len(call.wants)]
