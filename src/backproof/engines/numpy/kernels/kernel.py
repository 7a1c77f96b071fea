"""The table of this engine's kernels, and what they share."""

from backproof.engines.kernel import AnyOp, Kernel, Kernels
from backproof.engines.numpy.buffers import Lender
from backproof.graph import Node

KERNELS: Kernels = {}
"""The engine's kernels by class of operation; each kernel file adds its own."""


class NumpyKernel(Kernel[AnyOp, Lender]):
    """A kernel that computes in lent buffers: no allocation in the steady state."""

    def transposes(self, op: AnyOp, parameter: str, shape: tuple[int, ...]) -> bool:
        """Whether the engine keeps a parameter of canonical `shape` transposed."""
        return False


def transposes(node: Node, parameter: str) -> bool:
    """Whether the engine keeps this parameter of this node transposed."""
    kernel = KERNELS[type(node.op)]
    assert isinstance(kernel, NumpyKernel)
    return kernel.transposes(node.op, parameter, node.parameters[parameter].shape)
