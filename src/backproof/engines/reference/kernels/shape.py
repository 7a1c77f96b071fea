"""Operations that only rearrange: the same numbers in the same order, both ways."""

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Flatten, Reshape


@computes(KERNELS, Flatten)
class FlattenKernel(Kernel[Flatten, Call]):
    """y[n, (c·H + h)·W + w] = x[n,c,h,w].   The gradient goes back to where its number came from."""

    def forward(self, op: Flatten, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        return x.reshape(x.shape[0], -1), (x.shape,)

    def backward(self, op: Flatten, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        return (dy.reshape(shape),)


@computes(KERNELS, Reshape)
class ReshapeKernel(Kernel[Reshape, Call]):
    """Each sample's numbers, in order, under other indices.   The gradient goes back the same way."""

    def forward(self, op: Reshape, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        return x.reshape(x.shape[0], *op.shape), (x.shape,)

    def backward(self, op: Reshape, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (shape,) = saved
        return (dy.reshape(shape),)
