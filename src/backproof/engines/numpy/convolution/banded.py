"""Convolution of few channels: several output pixels of a line at once, by a banded weight.

A window of few channels is a short row, and few output channels make a narrow product: im2col then spends its time on
copying, not on multiplying. But t neighbouring windows of a line overlap in all but their ends. Taken together they
are one window of width u = (t - 1) s + (k - 1) d + 1, and what they give is one product with the banded weight

    B[i, w s + j d, c, (w, o)] = W[i, j, c, o]        for w = 0 ... t - 1,  0 elsewhere
    y[n, h, (v, w), o] = Σᵢᵤ꜀ x[n, h s + i d - p, v t s + u - p, c] B[i, u, c, (w, o)]

so this is im2col with a wider kernel, stride t s and t O channels. It multiplies by zeros, u / k times as much, but
copies only u / (t k) of what im2col does, in products that fill the vector registers.

    dx by col2im, lines of t s pixels at a time        dW[i, j, c, o] = Σ_w dB[i, w s + j d, c, (w, o)]

Measured on one thread in float32, forward and both gradients, against im2col: 1 -> 6 channels, 5x5, 28x28: 0.70;
6 -> 16, 5x5, 14x14: 0.66; 3 -> 16, 3x3, 32x32: 0.70; 3 -> 32, 5x5, 64x64: 0.69.
"""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.engines.numpy.convolution.im2col import Im2col, is_finite
from backproof.engines.numpy.tuning import Tuning
from backproof.engines.numpy.workspace import Pool, Workspace
from backproof.graph import Array


def together(geometry: Geometry, samples: int, channels: int, outputs: int, tuning: Tuning) -> int:
    """How many output pixels of a line to take together: as many as divide it; 1 if im2col is as fast.

    As long as im2col's rows fit in the cache, copying them costs little.
    """
    height, width = geometry.out
    rows = samples * height * width * geometry.kernel[0] * geometry.kernel[1] * channels
    if channels > tuning.banded_channels or rows < tuning.im2col_elements:
        return 1
    most = tuning.banded_columns
    return max((t for t in range(2, width + 1) if width % t == 0 and t * outputs <= most), default=1)


class Banded:
    """`t` output pixels of a line together."""

    way: ClassVar[str] = "banded"

    def __init__(self, geometry: Geometry, t: int) -> None:
        (sh, sw), (dh, dw), (kh, kw) = geometry.stride, geometry.dilation, geometry.kernel
        self.t = t
        self._span = (t - 1) * sw + (kw - 1) * dw + 1
        self.geometry = geometry
        self._wide = replace(
            geometry,
            out=(geometry.out[0], geometry.out[1] // t),
            kernel=(kh, self._span),
            stride=(sh, t * sw),
            dilation=(dh, 1),
        )
        self._im2col = Im2col(self._wide)

    def forward(self, x: Array, W: Array, y: Array, call: Workspace) -> None:
        """Y = cols B."""
        wide = self._together(y)
        self._im2col.forward(x, self._band(W, call.pool), wide, call)
        if not is_finite(wide.reshape(-1, wide.shape[3]), call.pool.tuning):
            call.ways.add("computed anew by im2col")
            Im2col(self.geometry).forward(x, W, y, call)

    def weight_gradient(self, x: Array, dy: Array, dW: Array, call: Workspace) -> None:
        """dB = colsᵀ dy, of which W's places in the band are summed."""
        band = call.pool.scratch("band", self._band_shape(dW))
        self._im2col.weight_gradient(x, self._together(dy), band, call)
        np.add.reduce(self._places(band, dW), axis=3, out=dW)

    def input_gradient(self, dy: Array, W: Array, dx: Array, call: Workspace) -> None:
        """Dcols = dy Bᵀ, added to dx t s pixels of every window at a time, so that none overlap."""
        pool = call.pool
        g, channels = self._wide, dx.shape[3]
        band = self._band(W, pool).reshape(-1, self.t * W.shape[3])
        images = self._im2col.images(len(band), pool.tuning)
        call.note_blocks(len(dy), images)
        step = g.stride[1]
        for start in range(0, len(dy), images):
            part = dx[start : start + images]
            rows = dy[start : start + images].reshape(-1, band.shape[1])
            dcols = np.dot(rows, band.T, out=pool.scratch("cols", (len(rows), len(band))))
            if not is_finite(dcols, pool.tuning):
                call.ways.add("computed anew by im2col")
                Im2col(self.geometry).input_gradient(dy, W, dx, call)
                return
            windows = dcols.reshape(len(part), *g.out, g.kernel[0], self._span * channels)
            padded = g.zeros(part, pool)
            for i in range(g.kernel[0]):
                for first in range(0, self._span, step):
                    last = min(first + step, self._span)
                    pixels = _lines(g, padded, i, first, last)
                    pixels += windows[:, :, :, i, first * channels : last * channels]
            g.unpadded(padded, part)

    def _together(self, y: Array) -> Array:
        """(N, Ho, Wo, O) as (N, Ho, Wo / t, t O)."""
        return y.reshape(len(y), *self._wide.out, -1)

    def _band_shape(self, W: Array) -> tuple[int, int, int, int]:
        return W.shape[0], self._span, W.shape[2], self.t * W.shape[3]

    def _band(self, W: Array, pool: Pool) -> Array:
        """B: (kh, u, C, t O)."""
        band = pool.scratch("band", self._band_shape(W))
        band[...] = 0
        self._places(band, W)[...] = W[:, :, :, None]
        return band

    def _places(self, band: Array, W: Array) -> Array:
        """W's places in the band as a view (kh, kw, C, t, O): no element is copied."""
        row, column, channel, one = band.strides
        strides = (row, column * self.geometry.dilation[1], channel)
        each = W.shape[3] * one + column * self.geometry.stride[1]
        return np.lib.stride_tricks.as_strided(band, (*W.shape[:3], self.t, W.shape[3]), (*strides, each, one))


def _lines(g: Geometry, padded: Array, i: int, first: int, last: int) -> Array:
    """Pixels `first` to `last` of row i of every window, as a view (N, Ho, Wo / t, (last - first) C).

    They do not overlap as long as they are no more than the stride.
    """
    n, h, w, c = padded.strides
    shape = (len(padded), *g.out, (last - first) * padded.shape[3])
    start = padded[:, i * g.dilation[0] :, first:]
    return np.lib.stride_tricks.as_strided(start, shape, (n, h * g.stride[0], w * g.stride[1], c))
