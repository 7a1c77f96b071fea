"""Merging branches.

Add       y = a + b               da = db = dy
Mul       y = a b                 da = dy b,  db = dy a
WeightedSum    y = Σ w x          dx = w dy
Concat    y = [a | b | ...]       each input gets its own columns of dy
"""

import numpy as np

from backproof.engines.kernel import Saved, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Add, Concat, Mul, WeightedSum


@computes(KERNELS, Add)
class AddKernel(NumpyKernel[Add]):
    """The sum rule."""

    def forward(self, op: Add, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        """y = a + b."""
        a, b = inputs
        return np.add(a, b, out=call.borrow_output(a.shape)), ()

    def backward(
        self, op: Add, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace
    ) -> tuple[Array | None, ...]:
        """da = db = dy: the same buffer to both, which nobody writes to."""
        return tuple(dy if wanted else None for wanted in call.wants)


@computes(KERNELS, Mul)
class MulKernel(NumpyKernel[Mul]):
    """The product rule."""

    def forward(self, op: Mul, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        """y = a b."""
        a, b = inputs
        return np.multiply(a, b, out=call.borrow_output(a.shape)), (b, a)

    def backward(
        self, op: Mul, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace
    ) -> tuple[Array | None, ...]:
        """da = dy b,   db = dy a."""
        return tuple(
            np.multiply(dy, other, out=call.borrow_gradient(dy.shape)) if wanted else None
            for other, wanted in zip(saved, call.wants, strict=True)
        )


@computes(KERNELS, Concat)
class ConcatKernel(NumpyKernel[Concat]):
    """Side by side along the channels, the last axis."""

    def forward(self, op: Concat, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        """y = [a | b | ...]."""
        widths = tuple(x.shape[-1] for x in inputs)
        y = call.borrow_output((*inputs[0].shape[:-1], sum(widths)))
        np.concatenate(inputs, axis=-1, out=y)
        return y, widths

    def backward(
        self, op: Concat, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace
    ) -> tuple[Array | None, ...]:
        """Cut dy at the seams, each piece made contiguous for the matrix products to come."""
        pieces: list[Array | None] = []
        start = 0
        for i, width in enumerate(saved):
            piece = None
            if call.wants[i]:
                piece = call.borrow_gradient((*dy.shape[:-1], width))
                piece[...] = dy[..., start : start + width]
            pieces.append(piece)
            start += width
        return tuple(pieces)


@computes(KERNELS, WeightedSum)
class WeightedSumKernel(NumpyKernel[WeightedSum]):
    """Several losses, which are scalars, or arrays of any equal shape."""

    def forward(self, op: WeightedSum, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        y = np.multiply(inputs[0], op.weights[0], out=call.borrow_output(inputs[0].shape))
        for w, x in zip(op.weights[1:], inputs[1:], strict=True):
            y += w * x
        return y, ()

    def backward(
        self, op: WeightedSum, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace
    ) -> tuple[Array | None, ...]:
        return tuple(
            np.multiply(dy, w, out=call.borrow_gradient(dy.shape)) if wanted else None
            for w, wanted in zip(op.weights, call.wants, strict=True)
        )
