"""Merging branches.

Add       y = a + b               da = db = dy
Concat    y = [a | b | ...]       each input gets its own columns of dy
"""

import numpy as np

from backproof.engines.kernel import Saved, computes
from backproof.engines.numpy.buffers import Lender
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.graph import Array, Arrays
from backproof.ops import Add, Concat


@computes(KERNELS, Add)
class AddKernel(NumpyKernel[Add]):
    """The sum rule."""

    def forward(self, op: Add, inputs: tuple[Array, ...], p: Arrays, call: Lender) -> tuple[Array, Saved]:
        """y = a + b."""
        a, b = inputs
        return np.add(a, b, out=call.lend("y", a.shape)), ()

    def backward(
        self, op: Add, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Lender
    ) -> tuple[Array | None, ...]:
        """da = db = dy: the same buffer to both, which nobody writes to."""
        return tuple(dy if wanted else None for wanted in call.wants)


@computes(KERNELS, Concat)
class ConcatKernel(NumpyKernel[Concat]):
    """Side by side along axis 1."""

    def forward(self, op: Concat, inputs: tuple[Array, ...], p: Arrays, call: Lender) -> tuple[Array, Saved]:
        """y = [a | b | ...]."""
        first = inputs[0]
        widths = tuple(x.shape[1] for x in inputs)
        y = call.lend("y", (first.shape[0], sum(widths), *first.shape[2:]))
        np.concatenate(inputs, axis=1, out=y)
        return y, widths

    def backward(
        self, op: Concat, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Lender
    ) -> tuple[Array | None, ...]:
        """Cut dy at the seams, each piece made contiguous for the matrix products to come."""
        pieces: list[Array | None] = []
        start = 0
        for i, width in enumerate(saved):
            piece = None
            if call.wants[i]:
                piece = call.lend(f"dx{i}", (dy.shape[0], width, *dy.shape[2:]))
                piece[...] = dy[:, start : start + width]
            pieces.append(piece)
            start += width
        return tuple(pieces)
