"""Few output channels, as where a mask is made: one product for all taps, whose columns are then added up.

    z[n, h, w, i, j, o] = Σ꜀ x[n, h, w, c] W[i, j, c, o]        y[n, h, w, o] = Σᵢⱼ z of the pixel that tap (i, j) meets

Im2col would copy every pixel once a tap, with all its channels. Prediction alone goes this way, so that training gives
the bits that it always gave.
"""

from typing import ClassVar

import numpy as np

from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.engines.numpy.convolution.taps import Taps
from backproof.engines.numpy.tuning import Tuning
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array


class FewOutputs:
    """For stride 1 and many times more input channels than output channels."""

    way: ClassVar[str] = "few outputs: taps added up after one product"

    def __init__(self, geometry: Geometry) -> None:
        self._taps = Taps(geometry).joined

    @staticmethod
    def fits(geometry: Geometry, channels: int, outputs: int, tuning: Tuning) -> bool:
        """Whether z is so much smaller than what im2col would copy."""
        return geometry.stride == (1, 1) and geometry.kernel != (1, 1) and outputs * tuning.few_outputs <= channels

    def forward(self, x: Array, W: Array, y: Array, call: Workspace) -> None:
        """Image by image."""
        kh, kw, channels, outputs = W.shape
        by_channel = call.pool.scratch("weight", (channels, kh * kw * outputs))
        by_channel.reshape(channels, kh, kw, outputs)[...] = W.transpose(2, 0, 1, 3)
        z = call.pool.scratch("cols", (x.shape[1] * x.shape[2], kh * kw * outputs))
        y[...] = 0
        for image, out in zip(x, y, strict=True):
            np.dot(image.reshape(-1, channels), by_channel, out=z)
            terms = z.reshape(1, *image.shape[:2], kh, kw, outputs)
            for (i, j), to, met in self._taps:
                out[to[1:]] += terms[met][0, :, :, i, j]
