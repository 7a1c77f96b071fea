"""Resizing: along each axis an output row is a sum of input rows k, each with a weight w.

    y = Σ w x[k], rows first, then columns
    dx[k] += w dy, columns first, then rows

Nearest has one row of weight 1, bilinear two, bicubic four.
"""

from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.workspace import Pool, Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Resize


class Sums(NamedTuple):
    """Along an axis: the input rows of every output row and their weights, (H', taps); which lie inside, (H',)."""

    rows: Array
    weights: Array
    inside: Array


@cache
def sums(op: Resize, size: int, axis: Literal[0, 1]) -> Sums:
    """Those of `op` along rows (axis 0) or columns (axis 1)."""
    taps = op.taps(size, axis)
    width = max(1, max(len(tap.rows) for tap in taps))
    rows, weights = np.zeros((len(taps), width), int), np.zeros((len(taps), width))
    for i, tap in enumerate(taps):
        rows[i, : len(tap.rows)], weights[i, : len(tap.rows)] = tap
    return Sums(rows, weights, np.array([bool(tap.rows) for tap in taps]))


@computes(KERNELS, Resize)
class ResizeKernel(NumpyKernel[Resize]):
    """One axis after the other."""

    def forward(self, op: Resize, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        call.ways.add(op.mode)
        n, height, width, channels = x.shape
        down, across = sums(op, height, 0), sums(op, width, 1)
        tall = call.pool.scratch("tall", (n, len(down.rows), width, channels))
        add_up(x, down, 1, tall, call.pool)
        y = call.borrow_output((n, len(down.rows), len(across.rows), channels))
        add_up(tall, across, 2, y, call.pool)
        if op.roi is not None:
            y[:, ~down.inside] = op.extrapolation_value
            y[:, :, ~across.inside] = op.extrapolation_value
        return y, (x.shape,)

    def backward(self, op: Resize, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        (shape,) = saved
        n, height, width, channels = shape
        tall = call.pool.scratch("tall", (n, dy.shape[1], width, channels))
        back(dy, sums(op, width, 1), 2, tall)
        dx = call.borrow_gradient(shape)
        back(tall, sums(op, height, 0), 1, dx)
        return (dx,)


def add_up(x: Array, taps: Sums, axis: int, y: Array, pool: Pool) -> None:
    """y = Σ w x[k] along an axis."""
    weights = taps.weights.astype(x.dtype)
    if weights.shape[1] == 2:
        weights[:, 0] = taps.inside - weights[:, 1]  # so that they add up to 1 in this dtype
    for tap, w in enumerate(weights.T.reshape(-1, len(y[0]) if axis == 1 else y.shape[2], *(1,) * (3 - axis))):
        if tap and not w.any():
            continue
        part = pool.scratch("part", y.shape) if tap else y
        np.take(x, taps.rows[:, tap], axis=axis, out=part, mode="clip")
        if not np.all(w == 1):
            part *= w
        if tap:
            y += part


def back(dy: Array, taps: Sums, axis: int, dx: Array) -> None:
    """dx[k] += w dy along an axis."""
    dx[...] = 0
    gradient, source = np.moveaxis(dx, axis, 0), np.moveaxis(dy, axis, 0)
    for i, (rows, weights) in enumerate(zip(taps.rows, taps.weights, strict=True)):
        for k, w in zip(rows, weights, strict=True):
            if w:
                gradient[k] += float(w) * source[i]
