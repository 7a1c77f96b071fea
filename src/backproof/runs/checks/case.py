"""What a whole network is checked on: the network with its loss, weights, and batches of samples, all as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from backproof.data import Batch, DataOptions, PreprocessingOptions, load
from backproof.engines import Mode
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Graph, Shape, initial_parameters
from backproof.interchange import fit_weights, read_weights
from backproof.models import build
from backproof.ops import MSE, SoftmaxCrossEntropy
from backproof.optim import Optimizer
from backproof.runs.prepare import fresh_batches, prepare
from backproof.runs.spec import RunSpec
from backproof.runs.store import Run
from backproof.runs.toml import tables_of
from backproof.runs.use import again
from backproof.train.evaluation import inputs as feed
from backproof.verify.networks.case import NetworkCase


@dataclass(frozen=True)
class TrainingCase:
    """A network with weights, batches to train on, the mode of the first step, and where an optimizer stands."""

    title: str
    graph: Graph
    parameters: Arrays
    batches: tuple[Arrays, ...]
    mode: Mode
    optimizer: Optimizer | None = None
    state: Arrays = field(default_factory=dict)

    @property
    def inputs(self) -> Arrays:
        """The first batch."""
        return self.batches[0]

    @cached_property
    def first(self) -> NetworkCase:
        """The first pass."""
        return NetworkCase(self.graph, self.parameters, self.inputs, self.mode, "float64")


@dataclass(frozen=True)
class Draw:
    """Samples a batch, how many batches, the seed of all that is random, and a file with weights, or ""."""

    batch_size: int
    batches: int = 1
    seed: int = 0
    weights: str = ""


def random_case(
    model: str,
    options: Mapping[str, Any],
    input: tuple[int, ...],
    classes: int,
    draw: Draw,
) -> TrainingCase:
    """A model on random samples, with the weights in a file, or random ones.

    Random weights are initial ones, but scales and shifts are moved away from 1 and 0, which hide faults.
    """
    graph = _with_loss(build(model, Shape("N", *input), classes, options))
    rng = np.random.default_rng(draw.seed)
    drawn = [_random_batch(graph, classes, draw.batch_size, rng) for _ in range(draw.batches)]
    parameters = _weights(graph, draw.seed, draw.weights, rng)
    return TrainingCase(f"model {model}", graph, parameters, tuple(drawn), Mode(True, draw.seed))


def data_case(
    model: str,
    options: Mapping[str, Any],
    data: DataOptions,
    preprocessing: PreprocessingOptions,
    draw: Draw,
) -> TrainingCase:
    """A model on samples of a dataset."""
    partitions = load(data, preprocessing)
    if not len(partitions.train):
        raise UserError(f"dataset '{partitions.name}' has no training samples")
    graph = _with_loss(build(model, Shape("N", *partitions.train.x.shape[1:]), len(partitions.classes), options))
    rng = np.random.default_rng(draw.seed)
    order = rng.permutation(len(partitions.train))
    size = draw.batch_size
    chosen = [np.take(order, np.arange(i * size, (i + 1) * size), mode="wrap") for i in range(draw.batches)]
    train = partitions.train
    taken = [feed(graph, Batch(train.x[rows], train.y[rows], train.ids[rows])) for rows in chosen]
    parameters = _weights(graph, draw.seed, draw.weights, rng)
    return TrainingCase(f"model {model} on {partitions.name}", graph, parameters, tuple(taken), Mode(True, draw.seed))


def case_of_run(run: Run, batches: int = 1) -> tuple[TrainingCase, RunSpec]:
    """A run's checkpoint on the batches that it would take next, augmented as in training."""
    checkpoint = run.checkpoint()
    spec = replace(run.spec, engine=replace(run.spec.engine, threads=0))
    with again(run.path, tables_of(spec), kept=run.use_kept):
        prepared = prepare(spec, resumed=True)
    graph, progress = prepared.graph, checkpoint.progress
    epoch = fresh_batches(spec, prepared.data).epoch(progress.epoch, first_batch=progress.batch)
    taken = tuple({name: a.copy() for name, a in feed(graph, batch).items()} for batch in islice(epoch, batches))
    mode = Mode(True, spec.model.model_seed, progress.step)
    title = f"run {run.name} after step {progress.step:,}"
    return TrainingCase(
        title, graph, checkpoint.parameters, taken, mode, prepared.optimizer, checkpoint.optimizer
    ), spec


def _with_loss(graph: Graph) -> Graph:
    """With its own loss, else cross-entropy for class scores, and MSE where each pixel has some."""
    if graph.loss is not None:
        return graph
    return graph.with_loss(SoftmaxCrossEntropy() if len(graph.shapes[graph.output]) == 2 else MSE())


def _random_batch(graph: Graph, classes: int, samples: int, rng: np.random.Generator) -> dict[str, Array]:
    x, target = graph.inputs
    shape = target.shape.bind(samples)
    y = rng.integers(0, classes, shape) if target.kind == "int" else rng.standard_normal(shape)
    return {x.name: rng.standard_normal(x.shape.bind(samples)).astype(np.float32), target.name: y}


def _weights(graph: Graph, seed: int, file: str, rng: np.random.Generator) -> dict[str, Array]:
    drawn: dict[str, Array] = dict(initial_parameters(graph, seed))
    if file:
        return drawn | fit_weights(graph, read_weights(Path(file)), file, ())
    return {name: w + rng.uniform(0, 0.5, w.shape) if w.ndim == 1 else w for name, w in drawn.items()}
