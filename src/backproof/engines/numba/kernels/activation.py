"""ReLU's gradient.

dx = dy [y > 0]
"""

from backproof.engines.kernel import computes
from backproof.engines.numba.compiled import compiled
from backproof.engines.numba.kernels.kernel import KERNELS
from backproof.engines.numpy.kernels import activation
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array
from backproof.ops import ReLU


@compiled
def relu_gradient(dy: Array, y: Array, dx: Array) -> None:
    """dx = dy [y > 0]: times 0, not simply 0, so that a NaN in dy is seen."""
    zero = dy.dtype.type(0)
    for i in range(y.size):
        dx[i] = dy[i] if y[i] > zero else dy[i] * zero


@computes(KERNELS, ReLU)
class ReLUKernel(activation.ReLUKernel):
    """Without an array for the mask."""

    def differentiate(self, op: ReLU, dy: Array, x: Array, y: Array, dx: Array, call: Workspace) -> None:
        call.ways.add("compiled")
        relu_gradient(dy.reshape(-1), y.reshape(-1), dx.reshape(-1))
