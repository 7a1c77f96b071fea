"""Normalisation gone wrong."""

from dataclasses import replace

import numpy as np

from backproof.engines.kernel import Kernel
from backproof.engines.reference.kernels.norm import GroupNormKernel, LayerNormKernel
from backproof.ops import BatchNorm, GroupNorm, LayerNorm
from faults.fault import wrong_kernel


class Normalising(Kernel):
    """A right batch normalisation, as one writes it in NumPy."""

    def axes(self, x):
        return tuple(axis for axis in range(x.ndim) if axis != 1)

    def channels(self, vector, x):
        """A number a channel, to broadcast over x."""
        return vector.reshape(-1, *(1,) * (x.ndim - 2))

    def momentum(self, op, batches):
        return 1 / batches if op.momentum is None else op.momentum

    def batch_statistics_used(self, call):
        return call.mode.training

    def variance(self, x):
        """The one to normalise with."""
        return x.var(axis=self.axes(x))

    def running_variance(self, x):
        """The one to keep."""
        return x.var(axis=self.axes(x), ddof=1)

    def deviation(self, op, variance):
        return np.sqrt(variance + op.eps)

    def moved(self, op, p, x):
        """New running statistics."""
        batches = p.get("num_batches_tracked", 0) + 1
        m = self.momentum(op, float(batches))
        counted = {"num_batches_tracked": np.array(batches)} if op.momentum is None else {}
        return counted | {
            "running_mean": (1 - m) * p["running_mean"] + m * x.mean(axis=self.axes(x)),
            "running_var": (1 - m) * p["running_var"] + m * self.running_variance(x),
        }

    def forward(self, op, inputs, p, call):
        (x,) = inputs
        mean, variance = p["running_mean"], p["running_var"]
        if self.batch_statistics_used(call):
            mean, variance = x.mean(axis=self.axes(x)), self.variance(x)
        if call.mode.training:
            call.state.update(self.moved(op, p, x))
        s = self.channels(self.deviation(op, variance), x)
        x_hat = (x - self.channels(mean, x)) / s
        return self.channels(p["weight"], x) * x_hat + self.channels(p["bias"], x), (x_hat, s)

    def backward(self, op, dy, saved, p, g, call):
        x_hat, s = saved
        axes, n = self.axes(dy), dy.size / dy.shape[1]
        g["weight"][...], g["bias"][...] = (dy * x_hat).sum(axis=axes), dy.sum(axis=axes)
        through = 0
        if self.batch_statistics_used(call):
            through = (self.channels(g["bias"], dy) + x_hat * self.channels(g["weight"], dy)) / n
        return (self.channels(p["weight"], dy) / s * (dy - through),)


@wrong_kernel(BatchNorm, at="state running_var")
class BiasedRunningVariance(Normalising):
    """The running variance is the mean of the squares, without n / (n - 1)."""

    def running_variance(self, x):
        return x.var(axis=self.axes(x))


@wrong_kernel(BatchNorm, at="output, gradient of weight, gradient of input")
class NormalisedByTheUnbiasedVariance(Normalising):
    """The batch is normalised by the variance with n - 1."""

    def variance(self, x):
        return x.var(axis=self.axes(x), ddof=1)


@wrong_kernel(BatchNorm, at="state running_mean, state running_var, state num_batches_tracked")
class StaleRunningStatistics(Normalising):
    """The running statistics stay what they were."""

    def moved(self, op, p, x):
        return {name: p[name].copy() for name in super().moved(op, p, x)}


@wrong_kernel(BatchNorm, at="shapes and dtypes")
class RunningStatisticsForgotten(Normalising):
    """Nothing is said of new running statistics."""

    def moved(self, op, p, x):
        return {}


@wrong_kernel(BatchNorm, at="state running_mean, state running_var")
class MomentumTheOtherWay(Normalising):
    """The momentum is the share of the old value, as in other libraries, not that of the batch."""

    def momentum(self, op, batches):
        return 1 - super().momentum(op, batches)


@wrong_kernel(BatchNorm, at="state running_mean, state running_var")
class CumulativeMeanIgnored(Normalising):
    """Without a momentum 0.1 is taken, where the mean of all batches is asked for."""

    def momentum(self, op, batches):
        return 0.1 if op.momentum is None else op.momentum


@wrong_kernel(BatchNorm, at="output, gradient of weight, gradient of input")
class EpsilonOutsideTheRoot(Normalising):
    """s = σ + ε, where √(σ² + ε) belongs."""

    def deviation(self, op, variance):
        return np.sqrt(variance) + op.eps


@wrong_kernel(BatchNorm, at="output, gradient of weight, gradient of input")
class BatchStatisticsInEvaluation(Normalising):
    """Evaluation normalises by the batch, not by the running statistics."""

    def batch_statistics_used(self, call):
        return True


@wrong_kernel(BatchNorm, at="gradient of input")
class StatisticsTakenForConstants(Normalising):
    """Backward forgets that mean and variance depend on the input."""

    def backward(self, op, dy, saved, p, g, call):
        super().backward(op, dy, saved, p, g, call)
        return (self.channels(p["weight"], dy) / saved[1] * dy,)


@wrong_kernel(BatchNorm, at="gradient of weight")
class ScaleGradientNotNormalised(Normalising):
    """dγ is Σ dy (x - μ), without the division by s."""

    def backward(self, op, dy, saved, p, g, call):
        dxs = super().backward(op, dy, saved, p, g, call)
        g["weight"][...] *= saved[1].reshape(-1)
        return dxs


@wrong_kernel(LayerNorm, GroupNorm, at="output, gradient of weight, gradient of input")
class EpsilonIgnored(Kernel):
    """s = σ, without ε."""

    def right(self, op):
        return LayerNormKernel() if isinstance(op, LayerNorm) else GroupNormKernel()

    def forward(self, op, inputs, p, call):
        return self.right(op).forward(replace(op, eps=0.0), inputs, p, call)

    def backward(self, op, dy, saved, p, g, call):
        return self.right(op).backward(op, dy, saved, p, g, call)


@wrong_kernel(GroupNorm, at="output, gradient of weight, gradient of input")
class GroupsInterleaved(GroupNormKernel):
    """Group g holds every channel c with c mod groups = g, not a run of neighbours."""

    def parts(self, op, x):
        size = x.shape[1] // op.num_groups
        for n, group in np.ndindex(x.shape[0], op.num_groups):
            yield [(n, group + c * op.num_groups, *rest) for c, *rest in np.ndindex(size, *x.shape[2:])]


@wrong_kernel(LayerNorm, at="gradient of input")
class ScaleLeftOutOfTheMeans(LayerNormKernel):
    """The means in backward are taken of dy, and γ is multiplied on afterwards, as if it were the same everywhere."""

    def backward(self, op, dy, saved, p, g, call):
        super().backward(op, dy, saved, p, g, call)
        plain = {name: np.zeros_like(gradient) for name, gradient in g.items()}
        (dx,) = super().backward(op, dy, saved, {}, plain, call)
        return (dx * p["weight"] if "weight" in p else dx,)
