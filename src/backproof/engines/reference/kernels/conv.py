"""Convolutions."""

from collections.abc import Iterator

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.images import output_shape
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Conv2d, ConvTranspose2d

Index = tuple[int, ...]


def meetings(
    op: Conv2d | ConvTranspose2d, images: tuple[int, ...], weight: tuple[int, ...], windows: tuple[int, ...]
) -> Iterator[tuple[Index, Index, Index]]:
    """Every (window, pixel, weight) that meet when a kernel slides over images.

    Window (n, o, i, j) has its corner at row i·S - top and column j·S - left. With weight (o, c, a, e) it sees the
    pixel a·D rows below and e·D columns to the right, in channel c of its own group. Where that is in the padding,
    nothing meets. The shapes: images (N, C, H, W), weight (out, C/groups, kh, kw), windows (N, out, H', W').
    """
    _, _, H, W = images
    channels, group_channels, kh, kw = weight
    top, _, left, _ = op.padding if isinstance(op, Conv2d) else op.sides
    for n, o, i, j in np.ndindex(windows):
        first = o // (channels // op.groups) * group_channels
        for c, a, e in np.ndindex(group_channels, kh, kw):
            row = i * op.stride[0] - top + a * op.dilation[0]
            column = j * op.stride[1] - left + e * op.dilation[1]
            if 0 <= row < H and 0 <= column < W:
                yield (n, o, i, j), (n, first + c, row, column), (o, c, a, e)


@computes(KERNELS, Conv2d)
class Conv2dKernel(Kernel[Conv2d, Call]):
    """Each output pixel is a weighted sum of the pixels in its window.

        y[window] = b[o] + Σ x[pixel] W[weight]    over all (window, pixel, weight) that meet

    In the sum, x[pixel] has the factor W[weight] and W[weight] the factor x[pixel], so over the same meetings

        ∂L/∂x[pixel]  = Σ dy[window] W[weight]
        ∂L/∂W[weight] = Σ dy[window] x[pixel]
        ∂L/∂b[o]      = Σ dy[n,o,i,j]    over n, i, j
    """

    def forward(self, op: Conv2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """x (N, in, H, W) -> y (N, out, H', W')."""
        (x,) = inputs
        W = p["weight"]
        y = np.zeros(output_shape(op, x))
        for n, o, i, j in np.ndindex(y.shape):
            y[n, o, i, j] = p["bias"][o] if op.bias else 0.0
        for window, pixel, weight in meetings(op, x.shape, W.shape, y.shape):
            y[window] += x[pixel] * W[weight]
        return y, (x,)

    def backward(self, op: Conv2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        """dy (N, out, H', W') -> dx (N, in, H, W); dW (out, in/groups, kh, kw), db (out,)."""
        (x,) = saved
        W = p["weight"]
        dx, dW = np.zeros(x.shape), np.zeros(W.shape)
        for window, pixel, weight in meetings(op, x.shape, W.shape, dy.shape):
            dx[pixel] += dy[window] * W[weight]
            dW[weight] += dy[window] * x[pixel]
        g["weight"][:] = dW
        if op.bias:
            g["bias"][:] = sum_by_channel(dy)
        return (dx,)


@computes(KERNELS, ConvTranspose2d)
class ConvTranspose2dKernel(Kernel[ConvTranspose2d, Call]):
    """The convolution with forward and backward exchanged: each input pixel is painted with the kernel.

    Now x are the windows and y the image that they lie on, of a `Conv2d` with weight (in, out/groups, kh, kw):

        y[pixel] = b[o] + Σ x[window] W[weight]    over all (window, pixel, weight) that meet

        ∂L/∂x[window] = Σ dy[pixel] W[weight]
        ∂L/∂W[weight] = Σ dy[pixel] x[window]
        ∂L/∂b[o]      = Σ dy[n,o,i,j]    over n, i, j
    """

    def forward(self, op: ConvTranspose2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        W = p["weight"]
        y = np.zeros(output_shape(op, x))
        for n, o, i, j in np.ndindex(y.shape):
            y[n, o, i, j] = p["bias"][o] if op.bias else 0.0
        for window, pixel, weight in meetings(op, y.shape, W.shape, x.shape):
            y[pixel] += x[window] * W[weight]
        return y, (x,)

    def backward(self, op: ConvTranspose2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (x,) = saved
        W = p["weight"]
        dx, dW = np.zeros(x.shape), np.zeros(W.shape)
        for window, pixel, weight in meetings(op, dy.shape, W.shape, x.shape):
            dx[window] += dy[pixel] * W[weight]
            dW[weight] += dy[pixel] * x[window]
        g["weight"][:] = dW
        if op.bias:
            g["bias"][:] = sum_by_channel(dy)
        return (dx,)


def sum_by_channel(dy: Array) -> Array:
    """Σ dy[n,o,i,j] over n, i, j."""
    db = np.zeros(dy.shape[1])
    for n, o, i, j in np.ndindex(dy.shape):
        db[o] += dy[n, o, i, j]
    return db
