"""Normalisation."""

from collections.abc import Iterator
from math import sqrt
from typing import TypeVar

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import BatchNorm, GroupNorm, LayerNorm

WithinSample = TypeVar("WithinSample", LayerNorm, GroupNorm)

Index = tuple[int, ...]


def channel(x: Array, c: int) -> list[Index]:
    """The index of every value of channel c, of all samples: (n, c) or (n, c, h, w)."""
    return [(n, c, *rest) for n, *rest in np.ndindex(x.shape[0], *x.shape[2:])]


def mean_of(x: Array, where: list[Index]) -> float:
    """1/n Σ x."""
    return sum(float(x[i]) for i in where) / len(where)


def variance_of(x: Array, where: list[Index], mean: float) -> float:
    """1/n Σ (x - μ)², the biased one."""
    distances = [float(x[i]) - mean for i in where]
    return sum(d * d for d in distances) / len(where)  # Python's ** raises an error where this is infinite


@computes(KERNELS, BatchNorm)
class BatchNormKernel(Kernel[BatchNorm, Call]):
    """For each channel, i over its n values:   x̂[i] = (x[i] - μ) / s,   s = √(σ² + ε),   y[i] = γ x̂[i] + β.

        ∂L/∂γ = Σᵢ dy[i] x̂[i]          ∂L/∂β = Σᵢ dy[i]

    Evaluation: μ and s are constants, so   ∂L/∂x[i] = γ dy[i] / s.

    Training: μ = 1/n Σ x and σ² = 1/n Σ (x - μ)² depend on every x[i]. With ∂μ/∂x[i] = 1/n and
    ∂s/∂x[i] = (x[i] - μ) / (n s) = x̂[i] / n the chain rule gives

        ∂L/∂x[i] = γ/s · (dy[i] - 1/n Σₖ dy[k] - x̂[i] · 1/n Σₖ dy[k] x̂[k])
    """

    def forward(self, op: BatchNorm, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        C = x.shape[1]
        y, x_hat, s = np.zeros(x.shape), np.zeros(x.shape), np.zeros(C)
        mean, variance = p["running_mean"].copy(), p["running_var"].copy()
        if call.mode.training:
            for c in range(C):
                mean[c] = mean_of(x, channel(x, c))
                variance[c] = variance_of(x, channel(x, c), mean[c])
            self.move(op, mean, variance, len(channel(x, 0)), p, call)
        for c in range(C):
            s[c] = sqrt(variance[c] + op.eps)
            for i in channel(x, c):
                x_hat[i] = (x[i] - mean[c]) / s[c]
                y[i] = p["weight"][c] * x_hat[i] + p["bias"][c]
        return y, (x_hat, s)

    def move(self, op: BatchNorm, mean: Array, variance: Array, n: int, p: Arrays, call: Call) -> None:
        """running ← (1 - m) running + m batch, with σ² unbiased; where m is None it is 1 / (batches so far)."""
        op.require_values(n, call.node)
        m = op.momentum
        if m is None:
            call.state["num_batches_tracked"] = np.array(p["num_batches_tracked"] + 1)
            m = 1 / float(call.state["num_batches_tracked"])
        call.state["running_mean"] = (1 - m) * p["running_mean"] + m * mean
        call.state["running_var"] = (1 - m) * p["running_var"] + m * variance * n / (n - 1)

    def backward(self, op: BatchNorm, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x_hat, s = saved
        dx = np.zeros(dy.shape)
        for c in range(dy.shape[1]):
            where = channel(dy, c)
            g["weight"][c] = sum(dy[i] * x_hat[i] for i in where)
            g["bias"][c] = sum(dy[i] for i in where)
            for i in where:
                through_statistics = 0.0
                if call.mode.training:
                    through_statistics = (g["bias"][c] + x_hat[i] * g["weight"][c]) / len(where)
                dx[i] = p["weight"][c] / s[c] * (dy[i] - through_statistics)
        return (dx,)


class WithinSampleKernel(Kernel[WithinSample, Call]):
    """For each part of a sample, i over its values:   x̂[i] = (x[i] - μ) / s,   s = √(σ² + ε),   y[i] = γ x̂[i] + β.

    Every y[i] has a γ and a β, which it may share with values elsewhere:

        ∂L/∂γ = Σ dy x̂   and   ∂L/∂β = Σ dy   over all that share them.

    As for `BatchNorm` in training, where γ was the same for all that share μ and s. Here it need not be, so the
    gradient d[i] = ∂L/∂x̂[i] = γ dy[i] takes the place of dy[i]:

        ∂L/∂x[i] = 1/s · (d[i] - mean(d) - x̂[i] mean(d x̂))
    """

    def parts(self, op: WithinSample, x: Array) -> Iterator[list[Index]]:
        """The values that share μ and s, part after part."""
        raise NotImplementedError

    def parameter(self, op: WithinSample, i: Index) -> Index:
        """The index of the γ and the β of x[i]."""
        raise NotImplementedError

    def forward(self, op: WithinSample, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        y, x_hat, s = np.zeros(x.shape), np.zeros(x.shape), []
        for where in self.parts(op, x):
            mean = mean_of(x, where)
            s.append(sqrt(variance_of(x, where, mean) + op.eps))
            for i in where:
                x_hat[i] = (x[i] - mean) / s[-1]
                gamma = p["weight"][self.parameter(op, i)] if "weight" in p else 1.0
                beta = p["bias"][self.parameter(op, i)] if "bias" in p else 0.0
                y[i] = gamma * x_hat[i] + beta
        return y, (x_hat, s)

    def backward(self, op: WithinSample, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x_hat, deviations = saved
        dx, d = np.zeros(dy.shape), np.zeros(dy.shape)
        for gradient in g.values():
            gradient[...] = 0
        for i in np.ndindex(dy.shape):
            d[i] = dy[i] * p["weight"][self.parameter(op, i)] if "weight" in p else dy[i]
            if "weight" in g:
                g["weight"][self.parameter(op, i)] += dy[i] * x_hat[i]
            if "bias" in g:
                g["bias"][self.parameter(op, i)] += dy[i]
        for where, s in zip(self.parts(op, dy), deviations, strict=True):
            mean_d = mean_of(d, where)
            mean_d_x_hat = mean_of(d * x_hat, where)
            for i in where:
                dx[i] = (d[i] - mean_d - x_hat[i] * mean_d_x_hat) / s
        return (dx,)


@computes(KERNELS, LayerNorm)
class LayerNormKernel(WithinSampleKernel[LayerNorm]):
    """A part is all that differs in the last axes alone; those axes choose γ and β."""

    def parts(self, op: LayerNorm, x: Array) -> Iterator[list[Index]]:
        """One part for each index of the first axes."""
        for first in np.ndindex(x.shape[: x.ndim - len(op.dimensions)]):
            yield [first + last for last in np.ndindex(op.dimensions)]

    def parameter(self, op: LayerNorm, i: Index) -> Index:
        """The last axes."""
        return i[-len(op.dimensions) :]


@computes(KERNELS, GroupNorm)
class GroupNormKernel(WithinSampleKernel[GroupNorm]):
    """A part is C/G channels of one sample; the channel chooses γ and β."""

    def parts(self, op: GroupNorm, x: Array) -> Iterator[list[Index]]:
        """One part for each sample and group."""
        size = x.shape[1] // op.num_groups
        for n, group in np.ndindex(x.shape[0], op.num_groups):
            yield [(n, group * size + c, *rest) for c, *rest in np.ndindex(size, *x.shape[2:])]

    def parameter(self, op: GroupNorm, i: Index) -> Index:
        """The channel."""
        return (i[1],)
