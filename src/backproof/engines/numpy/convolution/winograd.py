"""Winograd's minimal filtering for 3x3 kernels at stride 1: fewer multiplications, more additions.

F(m, 3) in one dimension gives m outputs of a 3-tap filter from n = m + 2 inputs with n multiplications, not 3 m:

    y = Aᵀ [(G w) ⊙ (Bᵀ d)]

It is polynomial multiplication by Toom and Cook: evaluate both factors at n - 1 points and at infinity (G, and the
transpose of the interpolation, Bᵀ), multiply point by point. In two dimensions each matrix acts on rows and on
columns, which on a flattened tile is its Kronecker square. Over all tiles and channels each transform is then one
matrix product with a small matrix, and the middle is n² matrix products of (tiles, C) by (C, O).

    forward          Y = A²ᵀ M,  M = V U,  V = B²ᵀ D,  U = G² W        D: tiles of the padded input
    input gradient   the forward pass of dy with the flipped kernel
    weight gradient  dW = G²ᵀ (Vᵀ (A² E))                              E: tiles of dy

Winograd 1980; Lavin & Gray 2016, for the transforms and the gradients. The price is rounding, because powers of the
points stretch numbers that cancel later. Since the transforms are products with dense matrices anyway, the points need
not be 0, ±1, ±2: those below were found by trying, and halve the error. It is then 2 (m = 3) and 3.5 (m = 4) times
that of im2col in float32.

And a number that is not finite spreads over its whole tile, in which it is multiplied by zeros. It leaves its trace in
every position of the tile, so one is looked at; if there is such a number, all is computed anew by im2col.
"""

from dataclasses import replace
from functools import cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.engines.numpy.convolution.im2col import Im2col, is_finite
from backproof.engines.numpy.workspace import Pool, Workspace
from backproof.graph import Array

TAPS = 3
POINTS = {
    2: (0.0, 1.0, -1.0),
    3: (0.375, -0.375, 1.25, -1.25),
    4: (0.0, 0.6875, -0.6875, 1.5, -1.5),
}
"""Where the polynomials are evaluated, for each m; infinity is one more."""


@cache
def transforms(m: int, dtype: npt.DTypeLike) -> tuple[Array, Array, Array]:
    """The Kronecker squares of Aᵀ (m, n), G (n, 3) and Bᵀ (n, n) for F(m, 3), n = m + 2."""
    n = m + TAPS - 1
    points = POINTS[m]
    At = np.zeros((m, n))
    G, Bt = np.zeros((n, TAPS)), np.zeros((n, n))
    for j, point in enumerate(points):
        others = [p for p in points if p != point]
        scale = np.prod([point - p for p in others])
        At[:, j] = point ** np.arange(m)
        G[j] = point ** np.arange(TAPS) / scale
        Bt[j, : n - 1] = np.poly(others)[::-1]
    At[-1, -1] = G[-1, -1] = 1
    Bt[-1] = np.poly(points)[::-1]
    a, g, b = (np.ascontiguousarray(np.kron(matrix, matrix), dtype) for matrix in (At, G, Bt))
    return a, g, b


class Winograd:
    """F(m x m, 3 x 3) over tiles of m x m outputs."""

    way: ClassVar[str] = "Winograd"

    def __init__(self, geometry: Geometry, m: int) -> None:
        self.geometry = geometry
        self.m = m
        self.tiles = tuple(-(-size // m) for size in geometry.out)

    @staticmethod
    def fits(geometry: Geometry) -> bool:
        """3x3, stride 1, no dilation, and padding in the usual range."""
        steps = (*geometry.stride, *geometry.dilation)
        margins = (*geometry.top_left, *geometry.bottom_right)
        return geometry.kernel == (3, 3) and steps == (1, 1, 1, 1) and min(margins) >= 0 and max(margins) <= 2

    def forward(self, x: Array, W: Array, y: Array, call: Workspace) -> None:
        """Y = A²ᵀ (V U)."""
        rows = self._band(W, call)
        if call.predicting and rows < y.shape[1]:
            call.ways.add("bands of a large map")
            self._by_bands(x, W, y, rows, call)
            return
        if not self._fill(x, W, y, call):
            call.ways.add("computed anew by im2col")
            Im2col(self.geometry).forward(x, W, y, call)

    def _band(self, W: Array, call: Workspace) -> int:
        """Output rows whose tiles fit in a cache together."""
        elements: int = (self.m + TAPS - 1) ** 2 * self.tiles[1] * max(W.shape[2:])
        return self.m * max(1, call.pool.tuning.winograd_elements // elements)

    def _by_bands(self, x: Array, W: Array, y: Array, rows: int, call: Workspace) -> None:
        """Some rows of one image at a time. Prediction alone, so that training gives the bits that it always gave."""
        top, left = self.geometry.top_left
        height, out = x.shape[1], y.shape[1]
        for n in range(len(x)):
            for start in range(0, out, rows):
                stop = min(start + rows, out)
                first, last = max(0, start - top), min(height, stop - top + TAPS - 1)
                band = replace(
                    self.geometry,
                    size=(last - first, x.shape[2]),
                    out=(stop - start, y.shape[2]),
                    top_left=(first - (start - top), left),
                )
                part = Winograd(band, self.m)
                if not part._fill(x[n : n + 1, first:last], W, y[n : n + 1, start:stop], call):
                    call.ways.add("computed anew by im2col")
                    Im2col(band).forward(x[n : n + 1, first:last], W, y[n : n + 1, start:stop], call)

    def _fill(self, x: Array, W: Array, y: Array, call: Workspace) -> bool:
        """Fill y, unless some of the result is not finite."""
        pool, m, channels = call.pool, self.m, W.shape[3]
        call.ways.add("tiles of 4 x 4" if m == 4 else "tiles of 3 x 3")
        a, g, _ = transforms(m, x.dtype.str)
        V = self._input_tiles(x, pool)
        points, count, _ = V.shape
        U = np.dot(g, W.reshape(TAPS * TAPS, -1), out=pool.scratch("wino U", (points, W[0, 0].size)))
        M = np.matmul(V, U.reshape(points, *W.shape[2:]), out=pool.scratch("wino M", (points, count, channels)))
        Y = np.dot(a, M.reshape(points, -1), out=pool.scratch("wino D", (m * m, count * channels)))
        if not is_finite(Y[0].reshape(count, channels), pool.tuning):
            return False
        tiles = Y.reshape(m, m, len(x), *self.tiles, channels).transpose(2, 3, 0, 4, 1, 5)
        whole = (len(x), self.tiles[0], m, self.tiles[1], m, channels)
        if self._covered(y):
            y.reshape(whole)[...] = tiles
        else:
            call.ways.add("tiles cut at the edge")
            larger = pool.scratch("wino M", whole)
            larger[...] = tiles
            height, width = y.shape[1:3]
            y[...] = larger.reshape(len(x), self.tiles[0] * m, -1, channels)[:, :height, :width]
        return True

    def input_gradient(self, dy: Array, W: Array, dx: Array, call: Workspace) -> None:
        """The forward pass of dy with the flipped kernel."""
        flipped = call.pool.scratch("flipped", (*W.shape[:2], W.shape[3], W.shape[2]))
        flipped[...] = W[::-1, ::-1].swapaxes(2, 3)
        if not Winograd(self.geometry.flipped(), self.m)._fill(dy, flipped, dx, call):
            call.ways.add("computed anew by im2col")
            Im2col(self.geometry).input_gradient(dy, W, dx, call)

    def weight_gradient(self, x: Array, dy: Array, dW: Array, call: Workspace) -> None:
        """DW = G²ᵀ (Vᵀ (A² E))."""
        pool, m, channels = call.pool, self.m, dy.shape[3]
        a, g, _ = transforms(m, x.dtype.str)
        V = self._input_tiles(x, pool)
        points, count, _ = V.shape
        E = pool.scratch("wino D", (m, m, len(dy), *self.tiles, channels))
        tiles = (len(dy), self.tiles[0], m, self.tiles[1], m, channels)
        if self._covered(dy):
            covered = dy
        else:
            covered = pool.scratch("wino M", (len(dy), self.tiles[0] * m, self.tiles[1] * m, channels))
            covered[...] = 0
            covered[:, : dy.shape[1], : dy.shape[2]] = dy
        E[...] = covered.reshape(tiles).transpose(2, 4, 0, 1, 3, 5)
        Q = np.dot(a.T, E.reshape(m * m, -1), out=pool.scratch("wino Q", (points, count * channels)))
        products = pool.scratch("wino U", (points, *dW.shape[2:]))
        np.matmul(V.transpose(0, 2, 1), Q.reshape(points, count, channels), out=products)
        np.dot(g.T, products.reshape(points, -1), out=dW.reshape(TAPS * TAPS, -1))
        if not is_finite(dW[0, 0], pool.tuning):
            call.ways.add("computed anew by im2col")
            Im2col(self.geometry).weight_gradient(x, dy, dW, call)

    def _covered(self, y: Array) -> bool:
        """Whether whole tiles make up the output."""
        return y.shape[1:3] == (self.tiles[0] * self.m, self.tiles[1] * self.m)

    def _input_tiles(self, x: Array, pool: Pool) -> Array:
        """V = B²ᵀ D: (points, tiles, C). Tiles of n x n inputs overlap by 2."""
        m, n, channels = self.m, self.m + TAPS - 1, x.shape[3]
        top, left = self.geometry.top_left
        (rows, columns), (height, width) = self.tiles, x.shape[1:3]
        padded = pool.scratch("padded", (len(x), rows * m + 2, columns * m + 2, channels))
        padded[:, :top] = 0
        padded[:, top + height :] = 0
        padded[:, top : top + height, :left] = 0
        padded[:, top : top + height, left + width :] = 0
        padded[:, top : top + height, left : left + width] = x
        D = pool.scratch("wino D", (n, n, len(x), rows, columns, channels))
        for i in range(n):
            for j in range(n):
                D[i, j] = padded[:, i : i + m * (rows - 1) + 1 : m, j : j + m * (columns - 1) + 1 : m]
        _, _, b = transforms(m, x.dtype.str)
        count = len(x) * rows * columns
        V = np.dot(b, D.reshape(n * n, -1), out=pool.scratch("wino V", (n * n, count * channels)))
        return V.reshape(n * n, count, channels)
