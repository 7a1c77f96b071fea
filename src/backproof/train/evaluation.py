"""A partition measured in evaluation mode."""

from dataclasses import dataclass

import numpy as np

from backproof.data.batches import Batch, in_order
from backproof.data.partitions import Partition
from backproof.engines.base import EVALUATION, Predictor
from backproof.graph import Array, Arrays, Graph
from backproof.metrics import Metrics, add
from backproof.metrics import values as metric_values
from backproof.optim import Optimizer
from backproof.tasks import Task

EVALUATION_BATCH = 1024
"""Samples a forward pass in evaluation, at most."""

EVALUATION_VALUES = 1 << 22
"""Numbers in the network's largest value in evaluation, at most: 16 MB in float32, 64 images of 64x64 in a ResNet-18.

Twice as many would take 190 MB more than training does, and be 3 % faster in NumPy, 6 % slower in PyTorch.
"""


@dataclass(frozen=True)
class Evaluation:
    """A partition measured in evaluation mode.

    Attributes:
        metrics: cost, loss and the task's metrics.
        arrays: what the task keeps of it, such as `confusion`.
    """

    metrics: Metrics
    arrays: Arrays


def inputs(graph: Graph, batch: Batch) -> dict[str, Array]:
    """Samples and targets under the names of the network's inputs; weights of samples, where the loss takes them.

    Classes become one-hot rows float32, (N, classes) or (N, classes, H, W), for a loss on numbers such as MSE.
    """
    samples, target, *weight = graph.inputs
    y = batch.y
    if target.kind == "float" and y.dtype.kind == "i":
        y = np.moveaxis(np.eye(int(target.shape[1]), dtype=np.float32)[y], -1, 1)
    found: dict[str, Array] = {samples.name: batch.x, target.name: y}
    if weight:
        found[weight[0].name] = np.ones(len(y)) if batch.weight is None else batch.weight
    return found


def counted(graph: Graph, batch: Batch) -> float:
    """How much a batch counts in the mean of the loss over batches: its samples, or their weights."""
    return len(batch.y) if batch.weight is None or len(graph.inputs) < 3 else float(batch.weight.sum())


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
def evaluate(predictor: Predictor, partition: Partition, optimizer: Optimizer, task: Task) -> Evaluation:
    """Measure `partition`, which has at least one sample."""
    graph = predictor.graph
    assert graph.loss is not None, "a network is evaluated with its loss"
    loss = samples = 0.0
    totals: dict[str, Array] = {}
    arrays: Arrays = {}
    for batch in in_order(partition, evaluation_batch(graph)):
        values = predictor.forward(inputs(graph, batch), EVALUATION)
        n = counted(graph, batch)
        loss += n * float(values[graph.loss])
        samples += n
        prediction = task.prediction(values[graph.output], graph)
        add(totals, task.metrics, prediction, batch.y)
        kept = task.kept(prediction, batch.y)
        arrays = task.joined(arrays, kept) if arrays else kept
    loss /= samples
    cost = loss + penalty(graph, predictor.parameters(), optimizer)
    return Evaluation(Metrics({"cost": cost, "loss": loss, **metric_values(totals)}), arrays)
