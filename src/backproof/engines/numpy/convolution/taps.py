"""Convolution as one matrix product a tap, over the pixels that the tap meets: no product is wasted on padding.

    y[n, h, w] += x[n, h s + i d - p, w s + j d - p] W[i, j]        for the h, w that meet a pixel
    dx likewise from dy W[i, j]ᵀ                                    dW[i, j] = xᵀ dy over the same pixels

On small maps most of what im2col multiplies is padding: a 3x3 kernel on 2x2 pixels has 9 taps for each of the 4, of
which 4 meet a pixel. And the kernel, large beside so few pixels, is used as it lies.
"""

from functools import cached_property
from typing import ClassVar

import numpy as np

from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.engines.numpy.workspace import Pool, Workspace
from backproof.graph import Array

Pixels = tuple[slice, slice, slice]
"""An index of (N, H, W, C): all images, some rows, some columns."""


class Taps:
    """For maps of few pixels and many channels."""

    way: ClassVar[str] = "taps"

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry

    @property
    def share(self) -> float:
        """How many of all pairs of a tap and an output pixel meet an input pixel, 0 to 1."""
        g = self.geometry
        pairs: int = sum((h.stop - h.start) * (w.stop - w.start) for _, (_, h, w), _ in self.joined)
        return pairs / (g.out[0] * g.out[1] * g.kernel[0] * g.kernel[1])

    @cached_property
    def joined(self) -> list[tuple[tuple[int, int], Pixels, Pixels]]:
        """Each tap, the output pixels and the input pixels that it joins."""
        rows, columns = ([self._joined(axis, tap) for tap in range(self.geometry.kernel[axis])] for axis in (0, 1))
        return [
            ((i, j), (slice(None), out_h, out_w), (slice(None), in_h, in_w))
            for i, (out_h, in_h) in enumerate(rows)
            for j, (out_w, in_w) in enumerate(columns)
        ]

    def _joined(self, axis: int, tap: int) -> tuple[slice, slice]:
        """Along one axis: the output pixels for which the tap stays inside, and the input pixels that it meets."""
        g = self.geometry
        stride, offset = g.stride[axis], tap * g.dilation[axis] - g.top_left[axis]
        first = max(0, -(offset // stride))
        stop = max(first, min(g.out[axis], (g.size[axis] - 1 - offset) // stride + 1))
        start = first * stride + offset
        return slice(first, stop), slice(start, start + (stop - first) * stride, stride)

    def forward(self, x: Array, W: Array, y: Array, call: Workspace) -> None:
        """y += x W[i, j]."""
        y[...] = 0
        for tap, out, met in self.joined:
            _add_product(x[met], W[tap], y[out], call.pool)

    def input_gradient(self, dy: Array, W: Array, dx: Array, call: Workspace) -> None:
        """dx += dy W[i, j]ᵀ."""
        dx[...] = 0
        for tap, out, met in self.joined:
            _add_product(dy[out], W[tap].T, dx[met], call.pool)

    def weight_gradient(self, x: Array, dy: Array, dW: Array, call: Workspace) -> None:
        """dW[i, j] = xᵀ dy."""
        for tap, out, met in self.joined:
            np.dot(_rows(x[met], "cols", call.pool).T, _rows(dy[out], "product", call.pool), out=dW[tap])


def _rows(pixels: Array, name: str, pool: Pool) -> Array:
    """(N, H, W, C) as a matrix of pixels: itself if it lies in one piece, else a copy in scratch."""
    if not pixels.flags.c_contiguous:
        copy = pool.scratch(name, pixels.shape)
        np.copyto(copy, pixels)
        pixels = copy
    return pixels.reshape(-1, pixels.shape[3])


def _add_product(x: Array, w: Array, y: Array, pool: Pool) -> None:
    """Add x w to the pixels y."""
    rows = _rows(x, "cols", pool)
    y += np.dot(rows, w, out=pool.scratch("product", (len(rows), w.shape[1]))).reshape(y.shape)
