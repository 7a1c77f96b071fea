"""A class, or a probability, for each pixel."""

from collections.abc import Mapping

import numpy as np

from backproof.graph import BATCH, Array, Graph, Loss, Shape
from backproof.metrics.f1 import confusion
from backproof.metrics.f_beta import MaxFBeta
from backproof.ops import MSE, BCEWithLogits, NLLLoss, Sigmoid, SoftDice, SoftmaxCrossEntropy
from backproof.tasks.task import Task, loss_on_output


class Segmentation(Task):
    """Targets are masks: class indices (n, H, W), or probabilities (n, 1, H, W) of being foreground.

    Outputs are a score for each class, (n, classes, H, W), or one number, (n, 1, H, W): a logit, but the probability
    itself under the loss `mse`, or behind a Sigmoid. Kept is `confusion`, (classes, classes) int64 counts of pixels,
    row the true class; or `precision_recall`, (3, 255): the sums that the maximal F-beta is made of.
    """

    name = "segmentation"
    kept_samples = 12
    unfit = "such as {model:unet} puts out"

    @property
    def losses(self) -> Mapping[str, type[Loss]]:
        if self.targets.integer:
            return {"cross_entropy": SoftmaxCrossEntropy, "nll": NLLLoss, "mse": MSE, "dice": SoftDice}
        return {"bce": BCEWithLogits, "dice": SoftDice, "mse": MSE}

    @property
    def outputs(self) -> int:
        return len(self.targets.names) if self.targets.integer else 1

    @property
    def output_shape(self) -> Shape:
        return Shape(BATCH, self.outputs, *self.targets.shape[-2:])

    def prediction(self, output: Array, graph: Graph) -> Array:
        if self.targets.integer:
            return output
        if isinstance(loss_on_output(graph), MSE) or isinstance(graph.node[graph.output].op, Sigmoid):
            return np.clip(output, 0, 1)
        return (1 + np.tanh(output / 2)) / 2  # the logistic function, without overflow

    def kept(self, prediction: Array, target: Array) -> dict[str, Array]:
        if self.targets.integer:
            return {"confusion": confusion(target, prediction.argmax(1), prediction.shape[1])}
        return {"precision_recall": MaxFBeta().count(prediction, target)}

    def shown(self, output: Array, graph: Graph) -> dict[str, Array]:
        prediction = self.prediction(output, graph)
        return {"predicted": prediction.argmax(1) if self.targets.integer else prediction.astype(np.float32)}
