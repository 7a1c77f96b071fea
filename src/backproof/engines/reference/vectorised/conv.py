"""Convolutions, tap by tap: what the element (a, e) of the kernel sees under all windows is a strided image."""

from collections.abc import Iterator

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.images import output_shape
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import Conv2d, ConvTranspose2d

Places = tuple[slice, slice]


def taps(op: Conv2d | ConvTranspose2d, windows: tuple[int, ...]) -> Iterator[tuple[int, int, Places]]:
    """Of each element (a, e) of the kernel, which rows and columns of the padded image it sees under all windows."""
    for a, e in np.ndindex(*op.kernel_size):
        rows, columns = (
            slice(tap * D, tap * D + (count - 1) * S + 1, S)
            for tap, D, S, count in zip((a, e), op.dilation, op.stride, windows[2:], strict=True)
        )
        yield a, e, (rows, columns)


def by_group(x: Array, groups: int) -> Array:
    """(N, C, H, W) -> (N, groups, C/groups, H·W)."""
    return x.reshape(len(x), groups, x.shape[1] // groups, -1)


def weight_of(W: Array, groups: int, a: int, e: int) -> Array:
    """Element (a, e) of the kernel, (groups, out/groups, C/groups)."""
    return W[:, :, a, e].reshape(groups, -1, W.shape[1])


def padded(op: Conv2d | ConvTranspose2d, x: Array) -> Array:
    """The image with its padding."""
    top, bottom, left, right = op.padding if isinstance(op, Conv2d) else op.sides
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def cropped(op: Conv2d | ConvTranspose2d, x: Array, height: int, width: int) -> Array:
    """The image without its padding."""
    top, _, left, _ = op.padding if isinstance(op, Conv2d) else op.sides
    return x[:, :, top : top + height, left : left + width]


def seen(op: Conv2d | ConvTranspose2d, x: Array, W: Array, windows: tuple[int, ...]) -> Array:
    """Σ W[weight] x[pixel] in every window."""
    y, image = np.zeros(windows), padded(op, x)
    for a, e, (rows, columns) in taps(op, windows):
        y += (weight_of(W, op.groups, a, e) @ by_group(image[:, :, rows, columns], op.groups)).reshape(windows)
    return y


def painted(op: Conv2d | ConvTranspose2d, dy: Array, W: Array, image: tuple[int, ...]) -> Array:
    """Σ W[weight] dy[window] at every pixel, over the windows that see it."""
    dx = np.zeros_like(padded(op, np.broadcast_to(0.0, image)))
    for a, e, (rows, columns) in taps(op, dy.shape):
        share = weight_of(W, op.groups, a, e).swapaxes(1, 2) @ by_group(dy, op.groups)
        dx[:, :, rows, columns] += share.reshape(len(dy), -1, *dy.shape[2:])
    return cropped(op, dx, *image[2:])


def met(op: Conv2d | ConvTranspose2d, dy: Array, x: Array, W: Array) -> Array:
    """Σ dy[window] x[pixel] for every weight, over the windows and pixels that it joins."""
    dW, image = np.zeros(W.shape), padded(op, x)
    for a, e, (rows, columns) in taps(op, dy.shape):
        pixels = by_group(image[:, :, rows, columns], op.groups).swapaxes(2, 3)
        dW[:, :, a, e] = np.sum(by_group(dy, op.groups) @ pixels, 0).reshape(W.shape[:2])
    return dW


def fill(op: Conv2d | ConvTranspose2d, dy: Array, dW: Array, g: Arrays) -> None:
    """Leave the gradients of the parameters in `g`."""
    g["weight"][:] = dW
    if op.bias:
        g["bias"][:] = np.sum(dy, (0, 2, 3))


@computes(VECTORISED, Conv2d)
class Conv2dKernel(Kernel[Conv2d, Call]):
    """y = b + what the windows see; dx is what dy paints back; dW is where dy and x meet."""

    def forward(self, op: Conv2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = seen(op, x, p["weight"], output_shape(op, x))
        return y + p["bias"].reshape(-1, 1, 1) if op.bias else y, (x,)

    def backward(self, op: Conv2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (x,) = saved
        fill(op, dy, met(op, dy, x, p["weight"]), g)
        return (painted(op, dy, p["weight"], x.shape),)


@computes(VECTORISED, ConvTranspose2d)
class ConvTranspose2dKernel(Kernel[ConvTranspose2d, Call]):
    """The same with forward and backward exchanged: x are the windows, y is the image."""

    def forward(self, op: ConvTranspose2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y = painted(op, x, p["weight"], output_shape(op, x))
        return y + p["bias"].reshape(-1, 1, 1) if op.bias else y, (x,)

    def backward(self, op: ConvTranspose2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        (x,) = saved
        fill(op, dy, met(op, x, dy, p["weight"]), g)
        return (seen(op, dy, p["weight"], x.shape),)
