"""Pooling."""

from functools import reduce
from itertools import product

import numpy as np
import numpy.typing as npt
from jax import Array, lax
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.graph import Shape
from backproof.ops import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d


def _out(op: MaxPool2d | AvgPool2d, x: Array) -> tuple[int, int]:
    """(H', W')."""
    _, _, height, width = op.output_shape(Shape("N", *x.shape[1:]))
    return int(height), int(width)


def _around(op: MaxPool2d | AvgPool2d, x: Array) -> list[tuple[int, int]]:
    """Pixels before and after the image along each axis, so that every window finds its own.

    With `ceil_mode` a window hangs over the end; with a stride the last rows may be in no window, and fewer than none
    are added after them.
    """
    return [
        (before, (count - 1) * stride + d * (kernel - 1) + 1 - size - before)
        for count, size, kernel, stride, before, d in zip(
            _out(op, x), x.shape[2:], op.kernel_size, op.stride, op.sides[::2], op.dilation, strict=True
        )
    ]


@computes(MaxPool2d)
def max_pool2d(op: MaxPool2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, H, W) -> y (N, C, H', W'): the windows' first elements, then their second ones if larger, and so on.

    XLA's own maximum over windows does not say where the gradient of equal pixels goes, nor has it one with dilation.
    """
    (x,) = inputs
    (height, width), (down, across) = _out(op, x), op.stride
    (top, bottom), (left, right) = _around(op, x)
    margins = ((0, 0, 0), (0, 0, 0), (top, bottom, 0), (left, right, 0))  # a negative one cuts off
    inside = lax.pad(jnp.ones((1, 1, *x.shape[2:]), jnp.bool_), jnp.array(False), margins)
    x = lax.pad(x, jnp.array(-jnp.inf, x.dtype), margins)
    corners = product(*(range(0, k * d, d) for k, d in zip(op.kernel_size, op.dilation, strict=True)))
    taps = [
        (
            slice(None),
            slice(None),
            slice(i, i + (height - 1) * down + 1, down),
            slice(j, j + (width - 1) * across + 1, across),
        )
        for i, j in corners
    ]
    y, _ = reduce(_larger, ((x[tap], inside[tap]) for tap in taps))
    return y


def _larger(best: tuple[Array, Array], tap: tuple[Array, Array]) -> tuple[Array, Array]:
    """The larger of each pair, the first of equal ones, but a pixel before the padding, which is -∞ as it may be too.

    A NaN is larger than all. Each with whether it is inside of the image.
    """
    (y, y_inside), (x, x_inside) = best, tap
    return jnp.where((x > y) | jnp.isnan(x) | (x_inside & ~y_inside & (x == y)), x, y), y_inside | x_inside


@computes(AvgPool2d)
def avg_pool2d(op: AvgPool2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, H, W) -> y (N, C, H', W')."""
    (x,) = inputs
    sums = lax.reduce_window(
        x,
        np.zeros((), x.dtype),
        lax.add,
        window_dimensions=(1, 1, *op.kernel_size),
        window_strides=(1, 1, *op.stride),
        window_dilation=(1, 1, *op.dilation),
        padding=((0, 0), (0, 0), *((before, max(0, after)) for before, after in _around(op, x))),
    )
    y: Array = sums / _divisors(op, x).astype(x.dtype)
    return y


def _divisors(op: AvgPool2d, x: Array) -> npt.NDArray[np.integer]:
    """d of every window, (H', W') or ()."""
    if op.divisor_override is not None:
        return np.array(op.divisor_override)
    counts = []
    for axis, count in enumerate(_out(op, x)):
        before, after = op.sides[2 * axis : 2 * axis + 2]
        start = np.arange(count) * op.stride[axis] - before
        taps = start[:, None] + np.arange(op.kernel_size[axis]) * op.dilation[axis]
        first, end = (-before, x.shape[2 + axis] + after) if op.count_include_pad else (0, x.shape[2 + axis])
        counts.append(((first <= taps) & (taps < end)).sum(1))
    return np.outer(*counts)


@computes(AdaptiveAvgPool2d)
def adaptive_avg_pool2d(op: AdaptiveAvgPool2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, H, W) -> y (N, C, H', W'): means over rows, then over columns of these."""
    (x,) = inputs
    for axis, count in zip((2, 3), op.output_size, strict=True):
        windows = [slice(*op.window(i, x.shape[axis], count)) for i in range(count)]
        means = [jnp.mean(x[:, :, w] if axis == 2 else x[:, :, :, w], axis, keepdims=True) for w in windows]
        x = jnp.concatenate(means, axis)
    return x


@computes(AdaptiveMaxPool2d)
def adaptive_max_pool2d(op: AdaptiveMaxPool2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, C, H, W) -> y (N, C, H', W'), one window after the other. Of `jnp.max` equal pixels share the gradient."""
    (x,) = inputs
    n, channels, *size = x.shape
    found = []
    for i, j in np.ndindex(*op.output_size):
        rows, columns = (slice(*op.window(at, size[k], op.output_size[k])) for k, at in enumerate((i, j)))
        pixels = x[:, :, rows, columns].reshape(n, channels, -1)
        found.append(jnp.take_along_axis(pixels, jnp.argmax(pixels, 2, keepdims=True), 2))
    return jnp.concatenate(found, 2).reshape(n, channels, *op.output_size)
