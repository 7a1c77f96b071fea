"""The table of this engine's kernels, and what they share."""

from typing import ClassVar

from backproof.engines import custom
from backproof.engines.custom import Adapted, CustomKernel
from backproof.engines.kernel import AnyOp, Kernel, Kernels, Saved, Slopes
from backproof.engines.numpy.layout import Layout
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays, Op


class NumpyKernel(Kernel[AnyOp, Workspace]):
    """A kernel that computes in borrowed buffers: no allocation in the steady state.

    If its `layout` is "channels_last", values of rank 3 and more come as (N, H, W, C), features on the last axis.
    """

    layout: ClassVar[Layout] = "channels_last"


class UserKernel(NumpyKernel[Op]):
    """A user's kernel, which sees (N, C, H, W), and whose results are rounded to the trainer's dtype."""

    layout: ClassVar[Layout] = "canonical"

    def __init__(self, inner: CustomKernel) -> None:
        self._inner = inner

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        y, saved = self._inner.forward(op, inputs, p, call)
        output = call.borrow_output(y.shape)
        output[...] = y
        return output, saved

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        made = self._inner.backward(op, dy, saved, p, g, call)
        return tuple(dx if dx is None else _borrowed(dx, call) for dx in made)


def _borrowed(dx: Array, call: Workspace) -> Array:
    """In a buffer of its own: what a user's kernel returns may be `dy` itself, or one array twice."""
    gradient = call.borrow_gradient(dx.shape)
    gradient[...] = dx
    return gradient


CUSTOM = Adapted(custom.KERNELS["numpy"], lambda _, written: UserKernel(written))

KERNELS: Kernels = custom.chain({}, CUSTOM)
"""The engine's kernels by class of operation, to which each kernel file adds its own; then those of users."""
