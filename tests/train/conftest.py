"""A network and data so small that every step can be worked out by hand."""

from dataclasses import dataclass

import numpy as np
import pytest

from backproof.data import AugmentationOptions, Batches, Partition, TargetSpec
from backproof.engines import Trainer, get_engine
from backproof.graph import Loss, Sequential, Shape, initial_parameters
from backproof.ops import Linear, ReLU, SoftmaxCrossEntropy
from backproof.optim import SGD, Optimizer
from backproof.tasks import Classification

CROSS_ENTROPY = SoftmaxCrossEntropy()
TASK = Classification(TargetSpec("class", ("a", "b", "c")))


@dataclass
class Small:
    """All that `fit` takes."""

    task: Classification
    trainer: Trainer
    optimizer: Optimizer
    batches: Batches
    train: Partition
    dev: Partition


def partition(samples: int, seed: int) -> Partition:
    rng = np.random.default_rng(seed)
    y = np.arange(samples) % 3
    x = (rng.standard_normal((samples, 4)) + 2 * np.eye(3, 4)[y]).astype(np.float32)
    return Partition(x, y, np.arange(samples))


@pytest.fixture
def make_task():
    def make(optimizer: Optimizer | None = None, *, loss: Loss = CROSS_ENTROPY, hidden: int = 5) -> Small:
        graph = Sequential(("fc1", Linear(hidden)), ("relu", ReLU()), ("fc2", Linear(3))).build(Shape("N", 4))
        graph = graph.with_loss(loss)
        trainer = get_engine("numpy").compile(graph, initial_parameters(graph), dtype="float64")
        train = partition(20, 0)
        batches = Batches(train, batch_size=8, augmentation=AugmentationOptions(), data_seed=0, dtype=np.float64)
        return Small(TASK, trainer, optimizer or SGD(lr=0.1), batches, train, partition(10, 1))

    return make
