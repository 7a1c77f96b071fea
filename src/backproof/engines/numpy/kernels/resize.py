"""Resizing: along each axis an output row lies between two input rows k and k + 1, with weight w of the second.

    y = (1 - w) x[k] + w x[k + 1], rows first, then columns
    dx[k] += (1 - w) dy        dx[k + 1] += w dy, columns first, then rows

Nearest is w = 0.
"""

from functools import cache
from typing import Literal

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.workspace import Pool, Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Resize


@cache
def places(op: Resize, size: int, axis: Literal[0, 1]) -> tuple[Array, Array, Array]:
    """k, k + 1 and w of every output row (axis 0) or column (axis 1)."""
    found = op.places(size, axis)
    lower, upper = (np.array([getattr(place, name) for place in found]) for name in ("lower", "upper"))
    return lower, upper, np.array([place.weight for place in found])


@computes(KERNELS, Resize)
class ResizeKernel(NumpyKernel[Resize]):
    """One axis after the other."""

    def forward(self, op: Resize, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        call.ways.add("nearest" if op.mode == "nearest" else "bilinear")
        n, height, width, channels = x.shape
        out = op.output_size(height, 0), op.output_size(width, 1)
        tall = call.pool.scratch("tall", (n, out[0], width, channels))
        between(x, places(op, height, 0), 1, tall, call.pool)
        y = call.borrow_output((n, *out, channels))
        between(tall, places(op, width, 1), 2, y, call.pool)
        return y, (x.shape,)

    def backward(self, op: Resize, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        (shape,) = saved
        n, height, width, channels = shape
        tall = call.pool.scratch("tall", (n, dy.shape[1], width, channels))
        back(dy, places(op, width, 1), 2, tall)
        dx = call.borrow_gradient(shape)
        back(tall, places(op, height, 0), 1, dx)
        return (dx,)


def between(x: Array, at: tuple[Array, Array, Array], axis: int, y: Array, pool: Pool) -> None:
    """y = (1 - w) x[k] + w x[k + 1] along an axis."""
    lower, upper, weight = at
    np.take(x, lower, axis=axis, out=y, mode="clip")
    if weight.any():
        w = weight.astype(x.dtype).reshape(-1, *(1 for _ in range(x.ndim - axis - 1)))
        y *= 1 - w
        second = np.take(x, upper, axis=axis, out=pool.scratch("second", y.shape), mode="clip")
        second *= w
        y += second


def back(dy: Array, at: tuple[Array, Array, Array], axis: int, dx: Array) -> None:
    """dx[k] += (1 - w) dy, dx[k + 1] += w dy along an axis."""
    dx[...] = 0
    gradient, source = np.moveaxis(dx, axis, 0), np.moveaxis(dy, axis, 0)
    for i, (lower, upper, weight) in enumerate(zip(*at, strict=True)):
        gradient[lower] += float(1 - weight) * source[i]
        if weight:
            gradient[upper] += float(weight) * source[i]
