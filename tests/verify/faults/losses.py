"""Losses gone wrong. A wrong loss gives wrong gradients of the weights of samples, which are inputs too."""

from dataclasses import replace

import numpy as np

from backproof.engines.numpy.kernels.loss import BCEWithLogitsKernel as FastBCEWithLogits
from backproof.engines.reference.kernels.label_loss import HingeKernel, NLLLossKernel, SoftmaxCrossEntropyKernel
from backproof.engines.reference.kernels.loss import (
    BCEWithLogitsKernel,
    L1Kernel,
    MSEKernel,
    SmoothL1Kernel,
    SoftDiceKernel,
)
from backproof.ops import L1, MSE, BCEWithLogits, Hinge, NLLLoss, SmoothL1, SoftDice, SoftmaxCrossEntropy
from faults.fault import wrong_kernel


@wrong_kernel(SoftmaxCrossEntropy, at="gradient of input")
class GradientWithoutMean(SoftmaxCrossEntropyKernel):
    """The loss is the mean over the batch, its gradient that of the sum."""

    def backward(self, op, dy, saved, p, g, call):
        *others, _, L, shape = saved
        return super().backward(op, dy, (*others, 1.0, L, shape), p, g, call)


@wrong_kernel(SoftmaxCrossEntropy, at="loss, gradient of input")
class SumOverTheBatch(SoftmaxCrossEntropyKernel):
    """The loss is the sum over the batch, and its gradient too."""

    def divisor(self, op, s, u):
        return 1.0


@wrong_kernel(SoftmaxCrossEntropy, at="loss, gradient of input")
class MeanForgetsTheWeights(SoftmaxCrossEntropyKernel):
    """The sum is divided by the number of labels, not by the sum of their weights."""

    def term(self, op, x, t, node):
        counted = np.sum(t != op.ignore_index) if op.ignore_index is not None else t.size
        return super().term(op, x, t, node)[0], counted


@wrong_kernel(SoftmaxCrossEntropy, at="loss, gradient of input")
class SmoothingOverTheOtherClasses(SoftmaxCrossEntropyKernel):
    """Label smoothing is spread over the other classes, not over all of them."""

    def q(self, op, C, label):
        return super().q(replace(op, label_smoothing=op.label_smoothing * C / (C - 1)), C, label)


@wrong_kernel(SoftmaxCrossEntropy, at="gradient of input")
class SmoothingForgottenInBackward(SoftmaxCrossEntropyKernel):
    """The gradient is that of the loss without label smoothing."""

    def df(self, op, row, label):
        return super().df(replace(op, label_smoothing=0.0), row, label)


@wrong_kernel(SoftmaxCrossEntropy, at="loss, gradient of input")
class LogOfSoftmax(SoftmaxCrossEntropyKernel):
    """The logarithm is taken of a softmax that may have rounded to 0, with 1e-7 added against the worst."""

    def f(self, op, row, label):
        e = np.exp(row - row.max())
        return -np.sum(self.q(op, len(row), label) * np.log(e / e.sum() + 1e-7))


@wrong_kernel(NLLLoss, at="loss, gradient of input")
class WeightsOfSamplesAsNumbers(NLLLossKernel):
    """The sum is weighted by the samples, and divided by their number."""

    def divisor(self, op, s, u):
        return super().divisor(op, np.ones(len(s)), u)


@wrong_kernel(NLLLoss, at="gradient of input")
class WeightsOfSamplesForgottenInBackward(NLLLossKernel):
    """The gradient is that of samples that count the same."""

    def backward(self, op, dy, saved, p, g, call):
        x, t, s, terms, u, _, L, shape = saved
        D = self.divisor(op, np.ones(len(s)), u)
        return super().backward(op, dy, (x, t, np.ones(len(s)), terms, u, D, L, shape), p, g, call)


@wrong_kernel(Hinge, at="gradient of input")
class LabelGetsNothing(HingeKernel):
    """The classes that come too near are pushed down, but the label is not pulled up."""

    def df(self, op, row, label):
        dx = super().df(op, row, label)
        dx[label] = 0
        return dx


@wrong_kernel(Hinge, at="gradient of input")
class SlopeAtTheHinge(HingeKernel):
    """The derivative at the hinge is 1, not 0."""

    def h(self, op, row, label):
        at_hinge = [c != label and x - row[label] == -op.margin for c, x in enumerate(row)]
        return [1e-300 if tie else d for tie, d in zip(at_hinge, super().h(op, row, label), strict=True)]


@wrong_kernel(Hinge, at="loss, gradient of input")
class WorstClassAlone(HingeKernel):
    """Only the class that comes nearest is counted: Crammer and Singer's hinge."""

    def h(self, op, row, label):
        h = super().h(op, row, label)
        return [d if c == int(np.argmax(h)) else 0.0 for c, d in enumerate(h)]


@wrong_kernel(Hinge, at="loss, gradient of input")
class LabelAgainstItself(HingeKernel):
    """The label is counted among the classes that come too near itself, by the margin."""

    def f(self, op, row, label):
        own = 1.0 if op.class_weights is None else op.class_weights[label]
        return super().f(op, row, label) + own * op.margin**op.p / len(row)


@wrong_kernel(MSE, at="gradient of input")
class HalfTheGradient(MSEKernel):
    """The gradient is that of half the loss: the 2 of the square is missing."""

    def backward(self, op, dy, saved, p, g, call):
        return super().backward(op, dy / 2, saved, p, g, call)


@wrong_kernel(MSE, at="loss, gradient of input")
class MeanOverTheSamplesAlone(MSEKernel):
    """The squares of a sample are added up, not averaged."""

    def term(self, op, x, t, node):
        return super().term(op, x, t, node)[0], 1


@wrong_kernel(L1, at="gradient of input")
class SignOfZeroIsOne(L1Kernel):
    """Where the prediction is right to the last bit, the gradient pushes it all the same."""

    def df(self, op, x, t, channel):
        return (1.0, -1.0) if x >= t else (-1.0, 1.0)


@wrong_kernel(L1, at="gradient of input")
class TargetMovesAlong(L1Kernel):
    """The gradient of the target has the sign of that of the prediction."""

    def df(self, op, x, t, channel):
        dx, dt = super().df(op, x, t, channel)
        return dx, -dt


@wrong_kernel(SmoothL1, at="loss, gradient of input")
class HubersLoss(SmoothL1Kernel):
    """Huber's loss, which is beta times as large."""

    def f(self, op, x, t, channel):
        return op.beta * super().f(op, x, t, channel)

    def df(self, op, x, t, channel):
        dx, dt = super().df(op, x, t, channel)
        return op.beta * dx, op.beta * dt


@wrong_kernel(SmoothL1, at="loss, gradient of input")
class LineWithoutItsOffset(SmoothL1Kernel):
    """The line begins where the square ends, but half of beta too high."""

    def f(self, op, x, t, channel):
        right = super().f(op, x, t, channel)
        return right if abs(x - t) < op.beta else right + op.beta / 2


@wrong_kernel(BCEWithLogits, at="loss")
class LogOfASigmoid(BCEWithLogitsKernel):
    """The logarithm is taken of a sigmoid, clipped at 1e-12: far from 0 the loss stands still."""

    @staticmethod
    def softplus_of_minus(x):
        return -np.log(np.clip(1 / (1 + np.exp(-np.clip(x, -700, 700))), 1e-12, 1))

    def df(self, op, x, t, channel):
        return BCEWithLogitsKernel().df(op, x, t, channel)


@wrong_kernel(BCEWithLogits, at="gradient of input")
class PositivesWeighedInTheLossAlone(BCEWithLogitsKernel):
    """pos_weight is forgotten in the gradient."""

    def df(self, op, x, t, channel):
        return super().df(replace(op, pos_weight=1.0), x, t, channel)


@wrong_kernel(BCEWithLogits, at="loss, gradient of input")
class ChannelsWeighedBackwards(FastBCEWithLogits):
    """The weight of the last channel is given to the first, and so on."""

    @staticmethod
    def positive(op, x):
        return np.asarray(op.pos_weight, x.dtype)[..., ::-1] if isinstance(op.pos_weight, tuple) else op.pos_weight


@wrong_kernel(SoftDice, at="loss, gradient of input")
class WithoutSquares(SoftDiceKernel):
    """The sums of the denominator are of p and t, not of their squares."""

    def overlap(self, op, x, t):
        p, _, _ = super().overlap(op, x, t)
        A = np.sum(p) + np.sum(t) + op.smooth
        return p, (2 * np.sum(p * t) + op.smooth) / A, A


@wrong_kernel(SoftDice, at="gradient of input")
class DenominatorHeldConstant(SoftDiceKernel):
    """The gradient is that of the numerator alone."""

    def slopes(self, op, x, t):
        p, _, A = self.overlap(op, x, t)
        return -2 * t * p * (1 - p) / A, -2 * p / A


@wrong_kernel(SoftDice, at="gradient of input")
class SigmoidForgottenInBackward(SoftDiceKernel):
    """The gradient of the probability is given to the logit."""

    def slopes(self, op, x, t):
        p, d, A = self.overlap(op, x, t)
        return -2 * (t - d * p) / A, -2 * (p - d * t) / A
