"""Losses of a number for each number; what all losses share."""

from math import exp, log1p, nan

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.activation import sigmoid
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import L1, MSE, BCEWithLogits, SmoothL1, SoftDice
from backproof.ops.loss import AnyElementWise, AnyLoss


def divide(total: float, divisor: float) -> float:
    """total / divisor; not a number where nothing counts, as the mean of nothing is none."""
    return total / divisor if divisor else nan


class LossKernel(Kernel[AnyLoss, Call]):
    """L = Σₙ sₙ lₙ / D   with   D = Σₙ sₙ uₙ for a mean, 1 for a sum.   n runs over the samples.

    lₙ is the loss of a sample, uₙ how much of it counts, sₙ its weight, or 1. x and t of a sample are in lₙ alone:

        ∂L/∂x = sₙ / D ∂lₙ/∂x        ∂L/∂t = sₙ / D ∂lₙ/∂t

    and of sₙ both sums depend: ∂L/∂sₙ = lₙ / D - Σ sₙ lₙ / D² uₙ = (lₙ - L uₙ) / D, or lₙ for a sum.
    """

    def term(self, op: AnyLoss, x: Array, t: Array, node: str) -> tuple[float, float]:
        """lₙ and uₙ of one sample with the prediction x and the target t."""
        raise NotImplementedError

    def slopes(self, op: AnyLoss, x: Array, t: Array) -> tuple[Array, Array | None]:
        """∂lₙ/∂x and ∂lₙ/∂t; labels have none."""
        raise NotImplementedError

    def divisor(self, op: AnyLoss, s: Array, u: Array) -> float:
        """D."""
        return sum(float(s[n] * u[n]) for n in range(len(s))) if op.reduction == "mean" else 1.0

    def forward(self, op: AnyLoss, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """x (N, ...), t and perhaps s (N,) -> L, a scalar. Where x is a scalar, it is one sample."""
        x, t = map(np.atleast_1d, inputs[:2])
        s = inputs[2] if op.sample_weights else np.ones(len(x))
        terms, u = np.zeros(len(x)), np.zeros(len(x))
        for n in range(len(x)):
            terms[n], u[n] = self.term(op, x[n], t[n], call.node)
        D = self.divisor(op, s, u)
        L = divide(sum(float(s[n] * terms[n]) for n in range(len(x))), D)
        return np.array(L), (x, t, s, terms, u, D, L, inputs[0].shape)

    def backward(self, op: AnyLoss, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        """dL (scalar) -> dx, dt, ds of the inputs' shapes; labels have no gradient."""
        x, t, s, terms, u, D, L, shape = saved
        dx, ds = np.zeros(x.shape), np.zeros(s.shape)
        dt = np.zeros(t.shape) if t.dtype.kind == "f" else None
        for n in range(len(x)):
            slope_x, slope_t = self.slopes(op, x[n], t[n])
            for i in np.ndindex(slope_x.shape):
                dx[n, *i] = divide(dy * s[n] * slope_x[i], D)
                if dt is not None and slope_t is not None:
                    dt[n, *i] = divide(dy * s[n] * slope_t[i], D)
            ds[n] = divide(dy * (terms[n] - L * u[n] if op.reduction == "mean" else terms[n]), D)
        dx, dt = dx.reshape(shape), dt if dt is None else dt.reshape(shape)
        return (dx, dt, ds) if op.sample_weights else (dx, dt)


class ElementWiseLossKernel(LossKernel[AnyElementWise]):
    """lₙ = Σᵢ f(x[i], t[i])   and   uₙ is the number of elements.   i runs over the elements of a sample."""

    def f(self, op: AnyElementWise, x: float, t: float, channel: int) -> float:
        """The loss of one element."""
        raise NotImplementedError

    def df(self, op: AnyElementWise, x: float, t: float, channel: int) -> tuple[float, float]:
        """∂f/∂x and ∂f/∂t."""
        raise NotImplementedError

    def term(self, op: AnyElementWise, x: Array, t: Array, node: str) -> tuple[float, float]:
        total = 0.0
        for i in np.ndindex(x.shape):
            total += self.f(op, float(x[i]), float(t[i]), i[0] if i else 0)
        return total, x.size

    def slopes(self, op: AnyElementWise, x: Array, t: Array) -> tuple[Array, Array | None]:
        dx, dt = np.zeros(x.shape), np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            dx[i], dt[i] = self.df(op, float(x[i]), float(t[i]), i[0] if i else 0)
        return dx, dt


@computes(KERNELS, MSE)
class MSEKernel(ElementWiseLossKernel[MSE]):
    """f = (x - t)²        ∂f/∂x = 2 (x - t) = - ∂f/∂t."""

    def f(self, op: MSE, x: float, t: float, channel: int) -> float:
        return (x - t) * (x - t)  # Python's ** raises an error where this is infinite

    def df(self, op: MSE, x: float, t: float, channel: int) -> tuple[float, float]:
        return 2 * (x - t), -2 * (x - t)


@computes(KERNELS, L1)
class L1Kernel(ElementWiseLossKernel[L1]):
    """f = |x - t|        ∂f/∂x = sign(x - t) = - ∂f/∂t, and 0 at the kink."""

    def f(self, op: L1, x: float, t: float, channel: int) -> float:
        return abs(x - t)

    def df(self, op: L1, x: float, t: float, channel: int) -> tuple[float, float]:
        sign = 1.0 if x > t else -1.0 if x < t else 0.0
        return sign, -sign


@computes(KERNELS, SmoothL1)
class SmoothL1Kernel(ElementWiseLossKernel[SmoothL1]):
    """With d = x - t:   f = d² / (2 β) where |d| < β, else |d| - β / 2        ∂f/∂x = d / β or sign d = - ∂f/∂t."""

    def f(self, op: SmoothL1, x: float, t: float, channel: int) -> float:
        d = abs(x - t)
        return d * d / (2 * op.beta) if d < op.beta else d - op.beta / 2

    def df(self, op: SmoothL1, x: float, t: float, channel: int) -> tuple[float, float]:
        slope = min(max((x - t) / op.beta, -1.0), 1.0)
        return slope, -slope


@computes(KERNELS, BCEWithLogits)
class BCEWithLogitsKernel(ElementWiseLossKernel[BCEWithLogits]):
    """f = (1 - t) x + (1 + (P - 1) t) softplus(-x),   softplus(-x) = max(-x, 0) + log(1 + e^-|x|),   P: pos_weight.

    d softplus(-x)/dx = - σ(-x) = σ(x) - 1, so

        ∂f/∂x = (1 - t) + (1 + (P - 1) t) (σ(x) - 1) = (1 + (P - 1) t) σ(x) - P t
        ∂f/∂t = (P - 1) softplus(-x) - x
    """

    def f(self, op: BCEWithLogits, x: float, t: float, channel: int) -> float:
        """P t softplus(-x) + (1 - t) softplus(x), with softplus(x) = x + softplus(-x)."""
        return (1 - t) * x + (1 + (self.positive(op, channel) - 1) * t) * self.softplus_of_minus(x)

    def df(self, op: BCEWithLogits, x: float, t: float, channel: int) -> tuple[float, float]:
        P = self.positive(op, channel)
        return (1 + (P - 1) * t) * sigmoid(x) - P * t, (P - 1) * self.softplus_of_minus(x) - x

    @staticmethod
    def positive(op: BCEWithLogits, channel: int) -> float:
        """The weight of a positive in this channel."""
        return op.pos_weight[channel] if isinstance(op.pos_weight, tuple) else op.pos_weight

    @staticmethod
    def softplus_of_minus(x: float) -> float:
        """log(1 + e⁻ˣ), without e of a large number."""
        return max(-x, 0.0) + log1p(exp(-abs(x)))


@computes(KERNELS, SoftDice)
class SoftDiceKernel(LossKernel[SoftDice]):
    """lₙ = 1 - d,   d = (2 Σ p t + ε) / A,   A = Σ p² + Σ t² + ε,   p = σ(x),   uₙ = 1.   Sums run over a sample.

    By the quotient rule  ∂d/∂p = (2 t - d 2 p) / A,  and p' = p (1 - p), so

        ∂lₙ/∂x = -2 (t - d p) p (1 - p) / A        ∂lₙ/∂t = -2 (p - d t) / A
    """

    def overlap(self, op: SoftDice, x: Array, t: Array) -> tuple[Array, float, float]:
        """p, d and A."""
        p = np.zeros(x.shape)
        both, A = op.smooth, op.smooth
        for i in np.ndindex(x.shape):
            p[i] = sigmoid(float(x[i]))
            both += 2 * float(p[i] * t[i])
            A += float(p[i] ** 2 + t[i] ** 2)
        return p, divide(both, A), A

    def term(self, op: SoftDice, x: Array, t: Array, node: str) -> tuple[float, float]:
        return 1 - self.overlap(op, x, t)[1], 1.0

    def slopes(self, op: SoftDice, x: Array, t: Array) -> tuple[Array, Array | None]:
        p, d, A = self.overlap(op, x, t)
        dx, dt = np.zeros(x.shape), np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            dx[i] = divide(-2 * float((t[i] - d * p[i]) * p[i] * (1 - p[i])), A)
            dt[i] = divide(-2 * float(p[i] - d * t[i]), A)
        return dx, dt
