"""A class for each sample."""

from types import MappingProxyType

from backproof.graph import BATCH, Array, Arrays, Shape
from backproof.metrics.f1 import confusion
from backproof.ops import MSE, NLLLoss, SoftmaxCrossEntropy
from backproof.tasks.task import Task


class Classification(Task):
    """Targets are class indices (n,), outputs a score for each class (n, classes); the highest one is the answer.

    Kept is `confusion`, (classes, classes) int64: row is the true class, column the predicted one.
    """

    name = "classification"
    losses = MappingProxyType({"cross_entropy": SoftmaxCrossEntropy, "nll": NLLLoss, "mse": MSE})

    @property
    def output_shape(self) -> Shape:
        return Shape(BATCH, self.outputs)

    def kept(self, prediction: Array, target: Array) -> dict[str, Array]:
        return {"confusion": confusion(target, prediction.argmax(1), prediction.shape[1])}

    def joined(self, first: Arrays, second: Arrays) -> dict[str, Array]:
        return {"confusion": first["confusion"] + second["confusion"]}
