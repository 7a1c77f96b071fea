"""Flatten and Reshape: the same numbers under another shape, so views where memory allows.

dx = dy in the shape of x
"""

from backproof.engines.kernel import Saved, computes
from backproof.engines.numpy.buffers import Lender
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.graph import Array, Arrays, Op
from backproof.ops import Flatten, Reshape


class _Rearrange(NumpyKernel[Op]):
    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Lender) -> tuple[Array | None, ...]:
        """Back to the shape of x."""
        return (dy.reshape(saved[0]) if call.wants[0] else None,)


@computes(KERNELS, Flatten)
class FlattenKernel(_Rearrange):
    """(N, C, H, W) -> (N, C·H·W)."""

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Lender) -> tuple[Array, Saved]:
        """All but the batch in one dimension."""
        (x,) = inputs
        return x.reshape(len(x), -1), (x.shape,)


@computes(KERNELS, Reshape)
class ReshapeKernel(_Rearrange):
    """(N, ...) -> (N, *shape)."""

    def forward(self, op: Reshape, inputs: tuple[Array, ...], p: Arrays, call: Lender) -> tuple[Array, Saved]:  # type: ignore[override]
        """The sample's dimensions replaced."""
        (x,) = inputs
        return x.reshape(len(x), *op.shape), (x.shape,)
