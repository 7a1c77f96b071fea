"""Losses gone wrong."""

from dataclasses import replace

import numpy as np

from backproof.engines.reference.kernels.loss import MSEKernel, SoftmaxCrossEntropyKernel
from backproof.ops import MSE, SoftmaxCrossEntropy
from faults.fault import wrong_kernel


@wrong_kernel(SoftmaxCrossEntropy, at="gradient of input")
class GradientWithoutMean(SoftmaxCrossEntropyKernel):
    """The loss is the mean over the batch, its gradient that of the sum."""

    def backward(self, op, dy, saved, p, g, call):
        return super().backward(op, dy, (*saved[:3], 1.0), p, g, call)


@wrong_kernel(SoftmaxCrossEntropy, at="loss, gradient of input")
class SumOverTheBatch(SoftmaxCrossEntropyKernel):
    """The loss is the sum over the batch, and its gradient too."""

    def forward(self, op, inputs, p, call):
        return super().forward(replace(op, reduction="sum"), inputs, p, call)


@wrong_kernel(SoftmaxCrossEntropy, at="loss, gradient of input")
class MeanForgetsTheWeights(SoftmaxCrossEntropyKernel):
    """The sum is divided by the number of labels, not by the sum of their weights."""

    @staticmethod
    def divisor(op, labels, classes, node):
        return SoftmaxCrossEntropyKernel.divisor(replace(op, class_weights=None), labels, classes, node)


@wrong_kernel(SoftmaxCrossEntropy, at="loss, gradient of input")
class SmoothingOverTheOtherClasses(SoftmaxCrossEntropyKernel):
    """Label smoothing is spread over the other classes, not over all of them."""

    def forward(self, op, inputs, p, call):
        classes = inputs[0].shape[1]
        spread = replace(op, label_smoothing=op.label_smoothing * classes / (classes - 1))
        return super().forward(spread, inputs, p, call)


@wrong_kernel(SoftmaxCrossEntropy, at="gradient of input")
class SmoothingForgottenInBackward(SoftmaxCrossEntropyKernel):
    """The gradient is that of the loss without label smoothing."""

    def forward(self, op, inputs, p, call):
        loss, _ = super().forward(op, inputs, p, call)
        _, saved = super().forward(replace(op, label_smoothing=0.0), inputs, p, call)
        return loss, saved


@wrong_kernel(SoftmaxCrossEntropy, at="loss")
class LogOfSoftmax(SoftmaxCrossEntropyKernel):
    """The logarithm is taken of a softmax that may have rounded to 0, with 1e-7 added against the worst."""

    def forward(self, op, inputs, p, call):
        _, saved = super().forward(op, inputs, p, call)
        probability, q, _, divisor = saved
        return np.array(-np.sum(q * np.log(probability + 1e-7)) / divisor), saved


@wrong_kernel(MSE, at="gradient of input")
class HalfTheGradient(MSEKernel):
    """The gradient is that of half the loss: the 2 of the square is missing."""

    def backward(self, op, dy, saved, p, g, call):
        return super().backward(op, dy / 2, saved, p, g, call)


@wrong_kernel(MSE, at="loss, gradient of input")
class MeanOverTheSamplesAlone(MSEKernel):
    """The squares of a sample are added up, not averaged."""

    def forward(self, op, inputs, p, call):
        if op.reduction == "sum":
            return super().forward(op, inputs, p, call)
        total, (x, t, _) = super().forward(replace(op, reduction="sum"), inputs, p, call)
        return total / len(x), (x, t, len(x))
