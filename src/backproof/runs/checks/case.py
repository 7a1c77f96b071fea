"""What a whole network is checked on: the network with its loss, weights, and batches of samples, all as arrays."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Literal

import numpy as np

from backproof.data import Batch, DataOptions, Partition, PreprocessingOptions, load
from backproof.data.targets import TargetSpec
from backproof.engines import Engine, Mode
from backproof.errors import DataError
from backproof.graph import BATCH, Array, Arrays, Graph, Shape
from backproof.models import build, classes_of_file, input_of_file, is_onnx_file, read_options
from backproof.optim import Optimizer
from backproof.option import OptionGroup, option
from backproof.runs.prepare import fresh_batches, initial_weights, network, prepare
from backproof.runs.spec import ModelOptions
from backproof.runs.store import Run
from backproof.runs.toml import tables_of
from backproof.runs.use import again
from backproof.tasks import Task, task_of
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


USUAL_INPUT = (1, 28, 28)
"""The shape of a sample where nothing says it."""


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(OptionGroup):
    """A model that is checked, and the samples that it is checked on."""

    batch_size: int = option(4, "Samples of the batch.", minimum=1)
    input: tuple[int, ...] | None = option(
        None,
        "The shape of a sample: channels,height,width or features; if not given, what an .onnx file takes, or 1,28,28.",
        minimum=1,
    )
    image_size: int | None = option(None, "Height and width of the samples, instead of those of --input.", minimum=1)
    classes: int | None = option(
        None,
        "How many classes there are, or numbers of a regression; if not given, what an .onnx file puts out, else 10.",
        minimum=1,
    )
    task: Literal["classification", "segmentation", "regression"] | None = option(
        None, "What random targets are: classes, masks or numbers; if not given, what the model's output looks like."
    )
    loss: str = option("", "As of train: the task's own if not given.")
    model_option: tuple[str, ...] = option((), "An option of the model, as KEY=VALUE; may be given many times.")
    data: str = option("", "A dataset whose samples are taken, instead of random ones.")
    data_dir: str = option("datasets", "The folder in which datasets are looked up by name.")
    weights: str = option("", "A file with weights, .safetensors or .pth, instead of random ones.")
    evaluation: bool = option(
        False, "Evaluation mode: running statistics and no dropout. Gradients are checked all the same."
    )
    seed: int = option(0, "Seed of random samples, weights and dropout.", minimum=0)


def case_of_model(name: str, options: NetworkOptions, batches: int = 1) -> TrainingCase:
    """A model on samples of a dataset or random ones, with the weights in a file or random ones.

    Random weights are initial ones, but scales and shifts are moved away from 1 and 0, which hide errors.
    """
    model = ModelOptions(
        model=name,
        model_option=options.model_option,
        loss=options.loss,
        weights=options.weights,
        model_seed=options.seed,
    )
    rng = np.random.default_rng(options.seed)
    size = () if options.image_size is None else (options.image_size, options.image_size)
    title = f"model {name}"
    if options.data:
        data = load(DataOptions(dataset=options.data, data_dir=options.data_dir), PreprocessingOptions(resize=size))
        if not len(data.train):
            raise DataError(f"dataset '{data.name}' has no training samples")
        graph = network(model, Shape(BATCH, *data.train.x.shape[1:]), task_of(data.targets))
        taken = _batches_of(data.train, graph, options.batch_size, batches, rng)
        title = f"{title} on {data.name}"
    else:
        input = options.input or (input_of_file(name) if is_onnx_file(name) else USUAL_INPUT)
        x = Shape(BATCH, *((*input[:1], *size) if size else input))
        task = _task(
            model, x, options.classes or (classes_of_file(name, x) if is_onnx_file(name) else 10), options.task
        )
        graph = network(model, x, task)
        taken = tuple(_random_batch(graph, task, options.batch_size, rng) for _ in range(batches))
    weights = initial_weights(model, graph)
    if not options.weights:
        weights = {name: w + rng.uniform(0, 0.5, w.shape) if w.ndim == 1 else w for name, w in weights.items()}
    return TrainingCase(title, graph, weights, taken, Mode(not options.evaluation, options.seed))


def case_of_run(run: Run, batches: int = 1) -> tuple[TrainingCase, Engine]:
    """A run's checkpoint on the batches that it would take next, augmented as in training; and the run's engine."""
    checkpoint = run.checkpoint()
    spec = replace(run.spec, engine=replace(run.spec.engine, threads=0))
    with again(run.path, tables_of(spec), kept=run.use_kept):
        prepared = prepare(spec, resumed=run.read_graph())
    graph, progress = prepared.graph, checkpoint.progress
    epoch = fresh_batches(spec, prepared.data).epoch(progress.epoch, first_batch=progress.batch)
    taken = tuple({name: a.copy() for name, a in feed(graph, batch).items()} for batch in islice(epoch, batches))
    mode = Mode(True, spec.model.model_seed, progress.step)
    title = f"run {run.name} after step {progress.step:,}"
    case = TrainingCase(title, graph, checkpoint.parameters, taken, mode, prepared.optimizer, checkpoint.optimizer)
    return case, prepared.engine


def _task(model: ModelOptions, x: Shape, classes: int, name: str | None) -> Task:
    """What is asked of the network, or what its output looks like."""
    if not name:
        graph = build(model.model, x, classes, read_options(model.model_option))
        name = "classification" if len(graph.shapes[graph.output]) == 2 else "segmentation"
    names = tuple(str(i) for i in range(classes))
    if name == "classification":
        return task_of(TargetSpec("class", names))
    if name == "regression":
        return task_of(TargetSpec("number", names, (len(names),), integer=False))
    places = x.per_sample[1:]
    if classes == 1:
        return task_of(TargetSpec("mask", (), (1, *places), integer=False))
    return task_of(TargetSpec("mask", names, places))


def _batches_of(
    partition: Partition, graph: Graph, size: int, count: int, rng: np.random.Generator
) -> tuple[Arrays, ...]:
    """Samples drawn at random, from the beginning again where there are not enough."""
    order = rng.permutation(len(partition))
    chosen = [np.take(order, np.arange(i * size, (i + 1) * size), mode="wrap") for i in range(count)]
    return tuple(feed(graph, Batch(partition.x[rows], partition.y[rows], partition.ids[rows])) for rows in chosen)


def _random_batch(graph: Graph, task: Task, samples: int, rng: np.random.Generator) -> dict[str, Array]:
    """Normal samples; targets are classes, probabilities or normal numbers; weights of samples are about 1."""
    x, *others = graph.inputs
    batch: dict[str, Array] = {x.name: rng.standard_normal(x.shape.bind(samples)).astype(np.float32)}
    for i in others:
        shape = i.shape.bind(samples)
        if i.kind == "int":
            batch[i.name] = rng.integers(0, task.outputs, shape)
        elif i.name == "weight" or task.targets.kind == "mask":
            batch[i.name] = rng.uniform(0.25, 1, shape)
        else:
            batch[i.name] = rng.standard_normal(shape)
    return batch
