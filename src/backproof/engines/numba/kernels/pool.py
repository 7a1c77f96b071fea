"""Max pooling, window by window.

    y[n, h, w, c]      = max over taps (i, j) of x[n, h s + i d, w s + j d, c]        on the padded map
    winner[n, h, w, c] = kw i + j of the first tap that holds it
    dx                 : dy[n, h, w, c] is added where the winner met x

A NaN counts as the largest, and of several the last.
"""

import numpy as np

from backproof.engines.kernel import computes
from backproof.engines.numba.compiled import compiled
from backproof.engines.numba.kernels.kernel import KERNELS
from backproof.engines.numpy.convolution.geometry import Geometry, Pair
from backproof.engines.numpy.kernels import pool
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array
from backproof.ops import MaxPool2d


@compiled
def find(padded: Array, y: Array, winner: Array, kernel: Pair, stride: Pair, dilation: Pair, margin: Pair) -> None:
    """y and `winner`; a later tap takes over if it is larger, or a NaN.

    The first is the first that is no `margin`, rows above and columns to the left: those are -∞, as pixels may be too.
    """
    N, H, W, C = y.shape
    for n in range(N):
        for h in range(H):
            first_row = max(0, -((h * stride[0] - margin[0]) // dilation[0]))
            for w in range(W):
                first_column = max(0, -((w * stride[1] - margin[1]) // dilation[1]))
                row, column = h * stride[0] + first_row * dilation[0], w * stride[1] + first_column * dilation[1]
                y[n, h, w] = padded[n, row, column]
                winner[n, h, w] = first_row * kernel[1] + first_column
                for i in range(kernel[0]):
                    for j in range(kernel[1]):
                        row, column = h * stride[0] + i * dilation[0], w * stride[1] + j * dilation[1]
                        tap = winner.dtype.type(i * kernel[1] + j)
                        for c in range(C):
                            x, largest = padded[n, row, column, c], y[n, h, w, c]
                            larger = x > largest or x != x
                            y[n, h, w, c] = x if larger else largest
                            winner[n, h, w, c] = tap if larger else winner[n, h, w, c]


@compiled
def hand_back(dy: Array, winner: Array, padded: Array, kernel: Pair, stride: Pair, dilation: Pair) -> None:
    """Add each dy to the pixel of its winner."""
    N, H, W, C = dy.shape
    taps = kernel[0] * kernel[1]
    rows = np.array([tap // kernel[1] * dilation[0] for tap in range(taps)])
    columns = np.array([tap % kernel[1] * dilation[1] for tap in range(taps)])
    for n in range(N):
        for h in range(H):
            for w in range(W):
                for c in range(C):
                    tap = winner[n, h, w, c]
                    padded[n, h * stride[0] + rows[tap], w * stride[1] + columns[tap], c] += dy[n, h, w, c]


@computes(KERNELS, MaxPool2d)
class MaxPool2dKernel(pool.MaxPool2dKernel):
    """One pass over the map, where NumPy takes one a tap."""

    def find(self, g: Geometry, padded: Array, y: Array, winner: Array, call: Workspace) -> None:
        if y.shape[3] < call.pool.tuning.pool_channels:  # a short loop over channels, where NumPy is faster
            super().find(g, padded, y, winner, call)
            return
        call.ways.add("compiled")
        find(padded, y, winner, (*g.kernel,), (*g.stride,), (*g.dilation,), (*g.top_left,))

    def hand_back(self, g: Geometry, dy: Array, winner: Array, padded: Array, call: Workspace) -> None:
        call.ways.add("gradient compiled")
        hand_back(dy, winner, padded, (*g.kernel,), (*g.stride,), (*g.dilation,))
