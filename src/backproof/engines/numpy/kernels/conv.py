"""Convolutions.

    y[n, h, w, o] = b[o] + Σᵢⱼ꜀ x[n, h s + i d - p, w s + j d - p, c] W[i, j, c, o]

    db[o]            = Σₙₕᵥ dy[n, h, v, o]
    dW[i, j, c, o]   = Σₙₕᵥ x[n, h s + i d - p, v s + j d - p, c] dy[n, h, v, o]
    dx               : every dy[n, h, v, o] W[i, j, c, o] is added where tap (i, j) met x

A transposed convolution is the same three sums with x and dy changing places: its forward pass is the input gradient
of a convolution, its input gradient that convolution's forward pass. The weight is kept (kh, kw, in, out). The ways to
compute the sums, as one matrix product, by im2col, by Winograd and more, are in `backproof.engines.numpy.convolution`.
"""

from functools import cache

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.convolution import Algorithm, FewOutputs, Geometry, Scatter, add_taps, choose
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.tuning import Tuning
from backproof.engines.numpy.workspace import Pool, Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Conv2d, ConvTranspose2d

KERNEL_LAST = (2, 3, 1, 0)
"""(out, in, kh, kw) -> (kh, kw, in, out)."""


@computes(KERNELS, Conv2d)
class Conv2dKernel(NumpyKernel[Conv2d]):
    """Channel groups one after the other, each by the algorithm that suits its shapes."""

    scatter = staticmethod(add_taps)

    def axes(self, op: Conv2d, parameter: str, shape: tuple[int, ...], tuning: Tuning) -> tuple[int, ...]:
        return KERNEL_LAST if parameter == "weight" else super().axes(op, parameter, shape, tuning)

    def forward(self, op: Conv2d, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        conv = convolution(op, x.shape, call.pool.winograd, call.pool.tuning, self.scatter)
        y = call.borrow_output((len(x), *conv.geometry.out, op.out_channels))
        conv.forward(x, p["weight"], y, call)
        if op.bias:
            add_bias(y, p["bias"], call.pool)
        return y, (x, conv)

    def backward(self, op: Conv2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        x, conv = saved
        if op.bias:
            sum_pixels(dy, g["bias"], call.pool)
        conv.weight_gradient(x, dy, g["weight"], call)
        if not call.wants[0]:
            return (None,)
        dx = call.borrow_gradient(x.shape)
        conv.input_gradient(dy, p["weight"], dx, call)
        return (dx,)


@computes(KERNELS, ConvTranspose2d)
class ConvTranspose2dKernel(NumpyKernel[ConvTranspose2d]):
    """The convolution that leads from y to x, run backwards."""

    scatter = staticmethod(add_taps)

    def axes(self, op: ConvTranspose2d, parameter: str, shape: tuple[int, ...], tuning: Tuning) -> tuple[int, ...]:
        return KERNEL_LAST if parameter == "weight" else super().axes(op, parameter, shape, tuning)

    def forward(
        self, op: ConvTranspose2d, inputs: tuple[Array, ...], p: Arrays, call: Workspace
    ) -> tuple[Array, Saved]:
        """y = input gradient of the convolution, for dy = x."""
        (x,) = inputs
        conv = transposed(op, x.shape, call.pool.winograd, call.pool.tuning, self.scatter)
        y = call.borrow_output((len(x), *conv.geometry.size, op.out_channels))
        conv.input_gradient(x, p["weight"], y, call)
        if op.bias:
            add_bias(y, p["bias"], call.pool)
        return y, (x, conv)

    def backward(self, op: ConvTranspose2d, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        """db; dW with x and dy in changed places; dx = dy * W."""
        x, conv = saved
        if op.bias:
            sum_pixels(dy, g["bias"], call.pool)
        conv.weight_gradient(dy, x, g["weight"], call)
        if not call.wants[0]:
            return (None,)
        dx = call.borrow_gradient(x.shape)
        conv.forward(dy, p["weight"], dx, call)
        return (dx,)


def add_bias(y: Array, bias: Array, pool: Pool) -> None:
    """y[..., o] += b[o], a line of pixels at a time: a few channels by themselves are too short for vector loops."""
    width, channels = y.shape[2:]
    line = pool.scratch("line", (width, channels))
    line[...] = bias
    lines = y.reshape(-1, width * channels)
    lines += line.reshape(-1)


def sum_pixels(dy: Array, db: Array, pool: Pool) -> None:
    """db[o] = Σ dy[..., o]: lines by a matrix product with ones, then the pixels of the line."""
    lines = dy.reshape(-1, dy.shape[2] * dy.shape[3])
    line = np.dot(pool.ones(len(lines)), lines, out=pool.scratch("line", (lines.shape[1],)))
    np.add.reduce(line.reshape(dy.shape[2:]), axis=0, out=db)


class Grouped:
    """A convolution whose channels are cut into groups; one group is the usual case and costs nothing extra."""

    def __init__(
        self,
        geometry: Geometry,
        samples: int,
        channels: int,
        outputs: int,
        groups: int,
        winograd: bool,
        tuning: Tuning,
        scatter: Scatter,
    ) -> None:
        self.geometry = geometry
        self._groups = groups
        self._taps = geometry.live_taps()
        live = geometry.cropped(*self._taps)
        self._all_live = live.kernel == geometry.kernel
        ins, outs = channels // groups, outputs // groups
        self._one: Algorithm = choose(live, samples, ins, outs, winograd, tuning, scatter)
        self._few = FewOutputs(live) if FewOutputs.fits(live, ins, outs, tuning) else None

    def _note(self, call: Workspace, one: "Algorithm | FewOutputs") -> None:
        call.ways.add(one.way)
        if self._groups > 1:
            call.ways.add("groups")
        if not self._all_live:
            call.ways.add("taps that never meet the input")

    def forward(self, x: Array, W: Array, y: Array, call: Workspace) -> None:
        """y from x, group by group."""
        one = self._few if self._few is not None and call.predicting else self._one
        self._note(call, one)
        pool, weight = call.pool, W[self._taps]
        if self._groups == 1:
            one.forward(x, _contiguous(weight, "weight", pool), y, call)
            return
        for ins, outs in self._parts(W):
            part = pool.scratch("group y", (*y.shape[:3], y.shape[3] // self._groups))
            group = _contiguous(x[..., ins], "group x", pool)
            one.forward(group, _contiguous(weight[..., outs], "weight", pool), part, call)
            y[..., outs] = part

    def input_gradient(self, dy: Array, W: Array, dx: Array, call: Workspace) -> None:
        """dx from dy, group by group."""
        pool, weight = call.pool, W[self._taps]
        if self._groups == 1:
            self._one.input_gradient(dy, _contiguous(weight, "weight", pool), dx, call)
            return
        for ins, outs in self._parts(W):
            part = pool.scratch("group x", (*dx.shape[:3], W.shape[2]))
            group = _contiguous(dy[..., outs], "group y", pool)
            self._one.input_gradient(group, _contiguous(weight[..., outs], "weight", pool), part, call)
            dx[..., ins] = part

    def weight_gradient(self, x: Array, dy: Array, dW: Array, call: Workspace) -> None:
        """dW from x and dy, group by group; 0 for the taps that never meet the input."""
        if self._groups == 1 and self._all_live:
            self._one.weight_gradient(x, dy, dW, call)
            return
        pool = call.pool
        dW[...] = 0
        live = dW[self._taps]
        for ins, outs in self._parts(dW):
            part = pool.scratch("weight", (*live.shape[:3], dW.shape[3] // self._groups))
            group_x, group_dy = _contiguous(x[..., ins], "group x", pool), _contiguous(dy[..., outs], "group y", pool)
            self._one.weight_gradient(group_x, group_dy, part, call)
            live[..., outs] = part

    def _parts(self, W: Array) -> list[tuple[slice, slice]]:
        """Input and output channels of each group; W (kh, kw, in / groups, out)."""
        ins, outs = W.shape[2], W.shape[3] // self._groups
        return [(slice(g * ins, (g + 1) * ins), slice(g * outs, (g + 1) * outs)) for g in range(self._groups)]


def _contiguous(array: Array, name: str, pool: Pool) -> Array:
    """The array itself if it is contiguous, else a copy in scratch."""
    if array.flags.c_contiguous:
        return array
    copy = pool.scratch(name, array.shape)
    np.copyto(copy, array)
    return copy


@cache
def convolution(op: Conv2d, shape: tuple[int, ...], winograd: bool, tuning: Tuning, scatter: Scatter) -> Grouped:
    """The way to compute `op` on an input of this shape (N, H, W, C)."""
    samples, height, width, channels = shape
    top, bottom, left, right = op.padding
    out = [
        (size + before + after - d * (k - 1) - 1) // s + 1
        for size, before, after, k, s, d in zip(
            (height, width), (top, left), (bottom, right), op.kernel_size, op.stride, op.dilation, strict=True
        )
    ]
    geometry = Geometry((height, width), (out[0], out[1]), op.kernel_size, op.stride, op.dilation, (top, left))
    return Grouped(geometry, samples, channels, op.out_channels, op.groups, winograd, tuning, scatter)


@cache
def transposed(
    op: ConvTranspose2d, shape: tuple[int, ...], winograd: bool, tuning: Tuning, scatter: Scatter
) -> Grouped:
    """The convolution from the output of `op` to its input of this shape (N, H, W, C)."""
    samples, height, width, channels = shape
    top, bottom, left, right = op.sides
    size = [
        (n - 1) * s - p + d * (k - 1) + extra + 1
        for n, s, p, d, k, extra in zip(
            (height, width),
            op.stride,
            (top + bottom, left + right),
            op.dilation,
            op.kernel_size,
            op.output_padding,
            strict=True,
        )
    ]
    geometry = Geometry((size[0], size[1]), (height, width), op.kernel_size, op.stride, op.dilation, (top, left))
    return Grouped(geometry, samples, op.out_channels, channels, op.groups, winograd, tuning, scatter)
