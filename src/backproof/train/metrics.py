"""What is measured of a network: cost, loss, accuracy, confusion matrix, macro F1."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backproof.data.batches import in_order
from backproof.data.partitions import Partition
from backproof.engines.base import EVALUATION, Trainer
from backproof.graph import Array, Arrays, Graph
from backproof.optim import Optimizer

EVALUATION_BATCH = 1024
"""Samples a forward pass in evaluation, at most."""

EVALUATION_VALUES = 1 << 22
"""Numbers in the network's largest value in evaluation, at most: 16 MB in float32, 64 images of 64x64 in a ResNet-18.

Twice as many would take 190 MB more than training does, and be 3 % faster in NumPy, 6 % slower in PyTorch.
"""

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figures:
    """Three means over samples.

    Attributes:
        cost: loss + L2 penalty: what the optimizer minimises.
        loss: of the predictions alone.
        accuracy: share of samples whose largest output is the true class's, 0 to 1.
    """

    cost: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Evaluation:
    """A partition measured in evaluation mode.

    Attributes:
        figures: cost, loss and accuracy.
        confusion: (classes, classes) int64 counts: row is the true class, column the predicted one.
        predicted: (M,) int64, the predicted class of each sample.
    """

    figures: Figures
    confusion: npt.NDArray[np.int64]
    predicted: Labels


def targets(graph: Graph, labels: Labels) -> Array:
    """What the loss takes for class labels: themselves, or one-hot rows float32 for a loss on numbers such as MSE."""
    target = graph.inputs[1]
    if target.kind == "int":
        return labels
    one_hot = np.zeros((len(labels), int(target.shape[1])), dtype=np.float32)
    one_hot[np.arange(len(labels)), labels] = 1
    return one_hot


def inputs(graph: Graph, x: Array, labels: Labels) -> dict[str, Array]:
    """Samples and labels under the names of the network's inputs."""
    return {graph.inputs[0].name: x, graph.inputs[1].name: targets(graph, labels)}


def penalty(graph: Graph, parameters: Arrays, optimizer: Optimizer) -> float:
    """λ/2 ‖w‖² of coupled weight decay, summed in float64."""
    if optimizer.l2 == 0:
        return 0.0
    decayed = [parameters[name] for name, spec in graph.parameters.items() if optimizer.decays(spec)]
    return optimizer.l2 / 2 * sum(float(np.sum(np.square(w, dtype=np.float64))) for w in decayed)


def evaluation_batch(graph: Graph) -> int:
    """How many samples a forward pass in evaluation takes, so that its largest value fits in memory."""
    largest = max(shape.size for shape in graph.shapes.values())
    return max(1, min(EVALUATION_BATCH, EVALUATION_VALUES // largest))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # the cost says it
def evaluate(trainer: Trainer, partition: Partition, optimizer: Optimizer) -> Evaluation:
    """Cost, loss, accuracy and confusion matrix of `partition`, which has at least one sample."""
    graph = trainer.graph
    assert graph.loss is not None, "a network is evaluated with its loss"
    loss = 0.0
    predicted = np.empty(len(partition), dtype=np.int64)
    done = 0
    for batch in in_order(partition, evaluation_batch(graph)):
        n = len(batch.y)
        values = trainer.forward(inputs(graph, batch.x, batch.y), EVALUATION)
        loss += n * float(values[graph.loss])
        predicted[done : done + n] = values[graph.output].argmax(1)
        done += n
    loss /= len(partition)
    matrix = confusion(partition.y, predicted, int(graph.shapes[graph.output][1]))
    accuracy = float(np.trace(matrix)) / len(partition)
    return Evaluation(
        Figures(loss + penalty(graph, trainer.parameters(), optimizer), loss, accuracy), matrix, predicted
    )


def confusion(labels: Labels, predicted: Labels, classes: int) -> npt.NDArray[np.int64]:
    """(classes, classes) counts: row is the true class, column the predicted one."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def macro_f1(labels: Labels, predicted: Labels) -> float:
    """The mean over classes of F1 = 2 precision recall / (precision + recall); 0 for a class never met or predicted.

    scikit-learn's `f1_score(average="macro")`.
    """
    from sklearn.metrics import f1_score

    return float(f1_score(labels, predicted, average="macro", zero_division=0.0))
