"""Normalisation: y = γ x̂ + β   with   x̂ = (x - μ) / s   and   s = √(σ² + ε)."""

from typing import TypeVar

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import BatchNorm, GroupNorm, LayerNorm

WithinSample = TypeVar("WithinSample", LayerNorm, GroupNorm)


def slope(d: Array, x_hat: Array, s: Array, axes: tuple[int, ...]) -> Array:
    """∂L/∂x where d = ∂L/∂x̂, and μ and s are taken over `axes`:   (d - mean d - x̂ mean(d x̂)) / s."""
    found: Array = (d - np.mean(d, axes, keepdims=True) - x_hat * np.mean(d * x_hat, axes, keepdims=True)) / s
    return found


@computes(VECTORISED, BatchNorm)
class BatchNormKernel(Kernel[BatchNorm, Call]):
    """μ and σ of each channel: those of the batch in training, the running ones, which are constants, in evaluation."""

    def forward(self, op: BatchNorm, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        axes, channel = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        if call.mode.training:
            mean, variance = np.mean(x, axes), np.var(x, axes)
            self.move(op, mean, variance, x.size // x.shape[1], p, call)
        else:
            mean, variance = p["running_mean"], p["running_var"]
        s = np.sqrt(variance + op.eps).reshape(channel)
        x_hat = (x - mean.reshape(channel)) / s
        return p["weight"].reshape(channel) * x_hat + p["bias"].reshape(channel), (x_hat, s)

    @staticmethod
    def move(op: BatchNorm, mean: Array, variance: Array, n: int, p: Arrays, call: Call) -> None:
        """running ← (1 - m) running + m batch, with σ² unbiased; where m is None it is 1 / (batches so far)."""
        op.require_values(n, call.node)
        m = op.momentum
        if m is None:
            call.state["num_batches_tracked"] = np.array(p["num_batches_tracked"] + 1)
            m = 1 / float(call.state["num_batches_tracked"])
        call.state["running_mean"] = p["running_mean"] + m * (mean - p["running_mean"])
        call.state["running_var"] = p["running_var"] + m * (variance * n / (n - 1) - p["running_var"])

    def backward(self, op: BatchNorm, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x_hat, s = saved
        axes = (0, *range(2, dy.ndim))
        g["weight"][:], g["bias"][:] = np.sum(dy * x_hat, axes), np.sum(dy, axes)
        d = dy * p["weight"].reshape(s.shape)
        return (slope(d, x_hat, s, axes) if call.mode.training else d / s,)


class WithinSampleKernel(Kernel[WithinSample, Call]):
    """μ and σ of each part of a sample."""

    def by_part(self, op: WithinSample, x: Array) -> Array:
        """(parts, values): the values of a row share μ and s."""
        raise NotImplementedError

    def spread(self, op: WithinSample, parameter: Array, ndim: int) -> Array:
        """γ or β, so that it meets x (N, ...) of `ndim` axes."""
        raise NotImplementedError

    def forward(self, op: WithinSample, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        rows = self.by_part(op, x)
        s = np.sqrt(np.var(rows, 1, keepdims=True) + op.eps)
        y = x_hat = ((rows - np.mean(rows, 1, keepdims=True)) / s).reshape(x.shape)
        if "weight" in p:
            y = y * self.spread(op, p["weight"], x.ndim)
        if "bias" in p:
            y = y + self.spread(op, p["bias"], x.ndim)
        return y, (x_hat, s)

    def backward(self, op: WithinSample, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x_hat, s = saved
        for name, met in (("weight", dy * x_hat), ("bias", dy)):
            if name in g:
                shared = self.spread(op, g[name], dy.ndim).shape
                axes = tuple(axis for axis, size in enumerate((1,) * (dy.ndim - len(shared)) + shared) if size == 1)
                g[name][...] = np.sum(met, axes, keepdims=True).reshape(g[name].shape)
        d = dy * self.spread(op, p["weight"], dy.ndim) if "weight" in p else dy
        return (slope(self.by_part(op, d), self.by_part(op, x_hat), s, (1,)).reshape(dy.shape),)


@computes(VECTORISED, LayerNorm)
class LayerNormKernel(WithinSampleKernel[LayerNorm]):
    """A part is all that differs in the last axes alone; those axes choose γ and β."""

    def by_part(self, op: LayerNorm, x: Array) -> Array:
        return x.reshape(-1, int(np.prod(op.dimensions)))

    def spread(self, op: LayerNorm, parameter: Array, ndim: int) -> Array:
        return parameter


@computes(VECTORISED, GroupNorm)
class GroupNormKernel(WithinSampleKernel[GroupNorm]):
    """A part is C/G channels of one sample; the channel chooses γ and β."""

    def by_part(self, op: GroupNorm, x: Array) -> Array:
        return x.reshape(len(x) * op.num_groups, -1)

    def spread(self, op: GroupNorm, parameter: Array, ndim: int) -> Array:
        return parameter.reshape(-1, *[1] * (ndim - 2))
