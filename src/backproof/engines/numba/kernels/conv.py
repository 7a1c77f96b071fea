"""Convolutions whose col2im is one loop.

    dx[n, h s + i d, w s + j d, c] += dcols[n, h, w, i, j, c]        on the padded map

The NumPy engine adds tap by tap, and so goes over the map once a tap.
"""

from backproof.engines.kernel import computes
from backproof.engines.numba.compiled import compiled
from backproof.engines.numba.kernels.kernel import KERNELS
from backproof.engines.numpy.convolution import Geometry
from backproof.engines.numpy.convolution.geometry import Pair
from backproof.engines.numpy.kernels import conv
from backproof.graph import Array
from backproof.ops import Conv2d, ConvTranspose2d


@compiled
def add_windows(dcols: Array, padded: Array, stride: Pair, dilation: Pair) -> None:
    """The sum above."""
    N, H, W, kh, kw, C = dcols.shape
    for n in range(N):
        for h in range(H):
            for w in range(W):
                for i in range(kh):
                    for j in range(kw):
                        row, column = h * stride[0] + i * dilation[0], w * stride[1] + j * dilation[1]
                        for c in range(C):
                            padded[n, row, column, c] += dcols[n, h, w, i, j, c]


def scatter(g: Geometry, dcols: Array, padded: Array) -> None:
    """Add dcols (N, Ho, Wo, kh, kw, C), window by window, to the pixels of the window."""
    # Numba knows no subclasses of tuple.
    add_windows(dcols, padded, (*g.stride,), (*g.dilation,))


@computes(KERNELS, Conv2d)
class Conv2dKernel(conv.Conv2dKernel):
    """The NumPy engine's but for the scatter."""

    scatter = staticmethod(scatter)


@computes(KERNELS, ConvTranspose2d)
class ConvTranspose2dKernel(conv.ConvTranspose2dKernel):
    """The NumPy engine's but for the scatter."""

    scatter = staticmethod(scatter)
