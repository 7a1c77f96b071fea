"""A 1x1 kernel: each pixel by itself, so the convolution is one matrix product over all pixels, nothing copied.

    y = x W        dx = dy Wᵀ        dW = xᵀ dy

With a stride, the pixels that take part are gathered first. Two thirds of ResNet-101 are such convolutions.
"""

from typing import ClassVar

import numpy as np

from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array


class Pointwise:
    """For kernels of one tap that stays inside the input."""

    way: ClassVar[str] = "pointwise"

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._all = geometry.out == geometry.size

    @staticmethod
    def fits(geometry: Geometry) -> bool:
        """Whether the kernel has one tap and every output pixel meets an input pixel."""
        return geometry.kernel == (1, 1) and max(*geometry.top_left, *geometry.bottom_right) <= 0

    def _met(self, x: Array) -> Array:
        """The view of the pixels that the tap meets."""
        top, left = self.geometry.top_left
        return self.geometry.tap(x[:, -top:, -left:], 0, 0)

    def _gathered(self, x: Array, call: Workspace) -> Array:
        """The pixels that the tap meets as rows."""
        if not self._all:
            call.ways.add("pointwise: pixels gathered")
            met = self._met(x)
            x = call.pool.scratch("padded", met.shape)
            np.copyto(x, met)
        return x.reshape(-1, x.shape[3])

    def forward(self, x: Array, W: Array, y: Array, call: Workspace) -> None:
        """Y = x W."""
        np.dot(self._gathered(x, call), W[0, 0], out=y.reshape(-1, y.shape[3]))

    def input_gradient(self, dy: Array, W: Array, dx: Array, call: Workspace) -> None:
        """Dx = dy Wᵀ, 0 at the pixels that a stride leaves out."""
        rows = dy.reshape(-1, dy.shape[3])
        if self._all:
            np.dot(rows, W[0, 0].T, out=dx.reshape(-1, dx.shape[3]))
        else:
            met = np.dot(rows, W[0, 0].T, out=call.pool.scratch("cols", (len(rows), dx.shape[3])))
            dx[...] = 0
            self._met(dx)[...] = met.reshape(*dy.shape[:3], -1)

    def weight_gradient(self, x: Array, dy: Array, dW: Array, call: Workspace) -> None:
        """DW = xᵀ dy."""
        np.dot(self._gathered(x, call).T, dy.reshape(-1, dy.shape[3]), out=dW[0, 0])
