"""The table of this engine's kernels, and what they share."""

from backproof.engines.kernel import AnyOp, Kernel, Kernels
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Node

KERNELS: Kernels = {}
"""The engine's kernels by class of operation; each kernel file adds its own."""


class NumpyKernel(Kernel[AnyOp, Workspace]):
    """A kernel that computes in borrowed buffers: no allocation in the steady state.

    Values of rank 3 and more come channels-last, (N, H, W, C), so the features are always the last axis.
    """

    def layout(self, op: AnyOp, parameter: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The order in which the engine keeps the axes of a parameter whose canonical shape is `shape`."""
        return tuple(range(len(shape)))


def layout(node: Node, parameter: str) -> tuple[int, ...]:
    """The order in which the engine keeps the axes of this parameter of this node."""
    kernel = KERNELS[type(node.op)]
    assert isinstance(kernel, NumpyKernel)
    return kernel.layout(node.op, parameter, node.parameters[parameter].shape)
