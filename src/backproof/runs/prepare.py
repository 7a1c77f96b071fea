"""From a specification to the parts of a run, all of them known to be good. Nothing is written."""

from dataclasses import dataclass, replace
from math import prod

from backproof.data import Batches, BatchSizes, DataOptions, Partitions, PreprocessingOptions, load
from backproof.engines import Engine, Trainer, require_trainer
from backproof.errors import OptionError, UserError, named
from backproof.graph import BATCH, Array, Graph, Loss, Shape, initial_parameters
from backproof.interchange import fit_weights, read_weights
from backproof.models import build, is_onnx_file, read_options, weights_in_file
from backproof.models.logits import logits
from backproof.ops import BatchNorm
from backproof.optim import SCHEDULES, Optimizer, require_optimizer
from backproof.runs.optimizer import make_optimizer
from backproof.runs.spec import ModelOptions, RunSpec, TrainingOptions
from backproof.runs.toml import tables_of
from backproof.runs.use import engine_of, metrics_of
from backproof.runs.use import load as load_used
from backproof.tasks import Task, task_of

MODEL_OPTIONS = ("layers", "activation", "batch_norm", "dropout")
"""Options of `ModelOptions` that are the model's own arguments, if given."""

LOSS_OPTIONS = ("label_smoothing", "pos_weight")
"""Options of `ModelOptions` that are the loss's attributes."""


@dataclass(frozen=True)
class Prepared:
    """A run that can begin."""

    spec: RunSpec
    data: Partitions
    task: Task
    follow: str
    batches: Batches
    graph: Graph
    engine: Engine
    trainer: Trainer
    optimizer: Optimizer


class Datasets:
    """The data of runs that follow one another: files are looked at again only when a run asks for other data."""

    def __init__(self) -> None:
        self._options: tuple[DataOptions, PreprocessingOptions] | None = None
        self._latest: Partitions | None = None

    def load(self, data: DataOptions, preprocessing: PreprocessingOptions) -> Partitions:
        """As `backproof.data.load`."""
        if self._latest is None or self._options != (data, preprocessing):
            self._latest = None  # two datasets need not fit in memory
            self._latest = load(data, preprocessing)
            self._options = (data, preprocessing)
        return self._latest


def prepare(spec: RunSpec, datasets: Datasets | None = None, *, resumed: Graph | None = None) -> Prepared:
    """Data, network, weights, trainer and optimizer of a run.

    `datasets`: where the runs of one command get their data, so that they load it once.
    `resumed`: the network of a run that goes on. A checkpoint will give the weights, so the file that it began with is
    not read again, nor is a model's file of ONNX.
    Raises `UserError` for everything in `spec` that does not fit, naming it.
    """
    load_used(tables_of(spec))
    engine = require_trainer(engine_of(spec))
    require_optimizer(spec.optimizer.optimizer)
    SCHEDULES.require(spec.optimizer.schedule)
    data = (datasets or Datasets()).load(spec.data, spec.preprocessing)
    if len(data.train) == 0:
        raise OptionError("dataset '{}' has no training samples; {split} and {select} leave it none", data.name)
    batches = fresh_batches(spec, data)
    task = task_of(data.targets, metrics_of(spec))
    follow = followed(spec.training, task)
    if resumed is not None and is_onnx_file(spec.model.model):
        graph = resumed
    else:
        graph = network(spec.model, Shape(BATCH, *data.train.x.shape[1:]), task)
    check_last_batch(graph, batches)
    optimizer = make_optimizer(spec.optimizer, batches.batches_per_epoch, spec.training.epochs)
    if spec.engine.threads:
        engine.set_threads(spec.engine.threads)
    parameters = initial_weights(spec.model, graph, read_file=resumed is None)
    trainer = engine.compile(graph, parameters, dtype=spec.engine.dtype, device=spec.engine.device)
    trainer.load_optimizer_state(optimizer, {})  # now, so that the first step is timed without what this may load
    return Prepared(spec, data, task, follow, batches, graph, engine, trainer, optimizer)


def fresh_batches(spec: RunSpec, data: Partitions) -> Batches:
    """The training batches, in buffers of their own."""
    return Batches(
        data.train,
        batch_size=spec.training.samples_a_batch,
        last_batch=spec.training.last_batch,
        augmentation=spec.augmentation,
        data_seed=spec.data.data_seed,
        dtype=spec.engine.dtype,
    )


def network(options: ModelOptions, x: Shape, task: Task) -> Graph:
    """The model for samples of shape `x`, followed by its loss."""
    own = read_options(options.model_option)
    given = {name: value for name in MODEL_OPTIONS if (value := getattr(options, name)) is not None}
    twice = sorted(own.keys() & given.keys())
    if twice:
        raise OptionError(f"{{model_option}} gives '{{}}', which {{{twice[0]}}} gives too", twice[0])
    graph = build(options.model, x, task.outputs, given | own, options.weights_skip)
    task.require_fit(options.model, graph)
    weights = options.loss_weights
    if graph.loss is None:
        if weights and len(weights) != len(graph.outputs):
            has = "model '{}' has the output" if len(graph.outputs) == 1 else "model '{}' has the outputs"
            wrong = f"{{loss_weights}} gives {len(weights)}; {has} {', '.join(graph.outputs)}"
            raise OptionError(wrong, options.model)
        loss = make_loss(options, task)
        if is_onnx_file(options.model):  # made for prediction, it may end in what the loss has inside
            graph = logits(graph, loss.inside)
        graph = graph.with_loss(loss, weights=weights or None)
    else:
        for name in ("loss", "loss_weights", *LOSS_OPTIONS):
            if getattr(options, name) != getattr(ModelOptions, name):
                wrong = f"{{{name}}} does not go with {{model:{{}}}}, which ends in its own loss"
                raise OptionError(wrong, options.model)
    task.require_loss_fit(graph)
    return graph.frozen_by(options.freeze)


def initial_weights(options: ModelOptions, graph: Graph, *, read_file: bool = True) -> dict[str, Array]:
    """Drawn from the seed, and then replaced by those of the model's file, or, with `--weights`, of that file."""
    weights: dict[str, Array] = dict(initial_parameters(graph, options.model_seed, options.init))
    skip, in_model = options.weights_skip, is_onnx_file(options.model)
    if skip and not (options.weights or in_model):
        raise OptionError("{weights_skip} is for {weights:FILE}, which is not given")
    if in_model and read_file:
        weights |= weights_in_file(options.model, graph, skip)
        skip = ()  # what is new in the model's file has been trained in a file of weights
    if options.weights and read_file:
        weights |= fit_weights(graph, read_weights(options.weights), options.weights, skip)
    return weights


def make_loss(options: ModelOptions, task: Task) -> Loss:
    """The loss that the options name, or the task's own."""
    kind = task.loss(options.loss)
    given = {name: value for name in LOSS_OPTIONS if (value := getattr(options, name)) != getattr(ModelOptions, name)}
    for name in given:
        if name not in kind.__dataclass_fields__:
            having = [key for key, other in task.losses.items() if name in other.__dataclass_fields__]
            fits = f"is for {{loss:{having[0]}}}, not" if having else "does not go with"
            raise OptionError(f"{{{name}}} {fits} {options.loss or next(iter(task.losses))}")
    return kind(**given)


def followed(training: TrainingOptions, task: Task) -> str:
    """The measure by which the best epoch is chosen."""
    known = ("cost", "loss", *(m.name for m in task.metrics))
    if training.follow and training.follow not in known:
        raise OptionError("{follow} is '{}'; for this data there are {}", training.follow, ", ".join(known))
    return training.follow or task.followed


def check_last_batch(graph: Graph, batches: Batches) -> None:
    """Batch statistics need two values: refuse a batch of one before the run starts, not at its first epoch's end.

    Images of two pixels or more have them in a single sample.
    """
    normed = [n.name for n in graph.nodes if isinstance(n.op, BatchNorm) and prod(n.shape.per_sample[1:]) == 1]
    sizes = batches.sizes
    if not normed or sizes.last != 1:
        return
    if sizes.samples == 1:
        raise UserError(f"node '{normed[0]}' (BatchNorm) needs 2 training samples or more; there is 1")
    better = next(n for n in range(max(sizes.size, 2) + 1, sizes.samples + 3) if replace(sizes, wanted=n).last > 1)
    or_even = " or {last_batch:even}" if replace(sizes, last_batch="even").last > 1 else ""
    raise OptionError(
        "{batch_size:{}} leaves a batch of one of the {} training samples, and node '{}' (BatchNorm) "
        "needs 2 or more; take {batch_size:{}}" + or_even,
        sizes.size,
        sizes.samples,
        normed[0],
        better,
    )


def note_of_last_batch(sizes: BatchSizes) -> str:
    """What to know of a last batch that is under a quarter of the others; "" where it is not.

    The mean over few samples is a noisy gradient, and the step is as long as any: at 4 of 64 samples one such step was
    seen to take dev accuracy from 92 to 73 %.
    """
    if 4 * sizes.last >= sizes.first:
        return ""
    return named(
        "the last batch of each epoch has {}, the others {}: its step is as long as theirs, and far noisier; "
        "{last_batch:even} makes batches of equal size, {last_batch:drop} leaves it out",
        "1 sample" if sizes.last == 1 else f"{sizes.last} samples",
        f"{sizes.first:,}",
    )
