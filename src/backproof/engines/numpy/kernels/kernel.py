"""The table of this engine's kernels, and what they share."""

from backproof.engines import custom
from backproof.engines.custom import Adapted, CustomKernel
from backproof.engines.kernel import AnyOp, Kernel, Kernels, Saved
from backproof.engines.numpy.layout import channels_first, channels_last
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays, Node, Op


class NumpyKernel(Kernel[AnyOp, Workspace]):
    """A kernel that computes in borrowed buffers: no allocation in the steady state.

    Values of rank 3 and more come channels-last, (N, H, W, C), so the features are always the last axis.
    """

    def layout(self, op: AnyOp, parameter: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The order in which the engine keeps the axes of a parameter whose canonical shape is `shape`."""
        return tuple(range(len(shape)))


class CanonicalKernel(NumpyKernel[Op]):
    """A user's kernel, which sees (N, C, H, W), and whose results are rounded to the trainer's dtype."""

    def __init__(self, inner: CustomKernel) -> None:
        self._inner = inner

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        y, saved = self._inner.forward(op, tuple(_canonical(x) for x in inputs), p, call)
        y = channels_last(y)
        output = call.borrow_output(y.shape)
        output[...] = y
        return output, saved

    def backward(
        self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace
    ) -> tuple[Array | None, ...]:
        made = self._inner.backward(op, _canonical(dy), saved, p, g, call)
        return tuple(dx if dx is None else _borrowed(dx, call) for dx in made)


def _canonical(x: Array) -> Array:
    return channels_first(x).copy(order="C") if x.ndim > 2 else x


def _borrowed(dx: Array, call: Workspace) -> Array:
    """In a buffer of its own: what a user's kernel returns may be `dy` itself, or one array twice."""
    dx = channels_last(dx)
    gradient = call.borrow_gradient(dx.shape)
    gradient[...] = dx
    return gradient


CUSTOM = Adapted(custom.KERNELS["numpy"], lambda _, written: CanonicalKernel(written))

KERNELS: Kernels = custom.chain({}, CUSTOM)
"""The engine's kernels by class of operation, to which each kernel file adds its own; then those of users."""


def layout(node: Node, parameter: str) -> tuple[int, ...]:
    """The order in which the engine keeps the axes of this parameter of this node."""
    kernel = KERNELS[type(node.op)]
    assert isinstance(kernel, NumpyKernel)
    return kernel.layout(node.op, parameter, node.parameters[parameter].shape)
