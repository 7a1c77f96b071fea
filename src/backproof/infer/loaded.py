"""A model with all that belongs to it: a run, a registered network with weights, or a file of another library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from backproof.data.options import PreprocessingOptions
from backproof.data.targets import TargetSpec
from backproof.engines import EVALUATION, DType, Predictor, get_engine
from backproof.errors import ModelError, OptionError, suggestion
from backproof.graph import BATCH, Array, Arrays, Graph, Shape
from backproof.infer.metadata import Description, Scores, TaskName, description_in, metadata_of
from backproof.interchange.onnx import read_onnx
from backproof.models import MODELS, build, read_options
from backproof.ops import MSE, Flatten, LogSoftmax, NLLLoss, Permute, Sigmoid, Softmax, View
from backproof.runs.prepare import initial_weights
from backproof.runs.spec import EngineOptions, ModelOptions
from backproof.runs.store import Run, Which, is_run, open_run
from backproof.runs.toml import tables_of
from backproof.runs.use import again, engine_of
from backproof.tasks.probabilities import logistic, softmax
from backproof.tasks.task import loss_on_output
from backproof.user_file import is_reference

TASK_NAMES: dict[str, TaskName] = {"class": "classification", "mask": "segmentation", "number": "regression"}
"""By kind of targets."""

SHAPED = (View, Flatten, Permute)
"""Operations behind which the numbers are still the same."""


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights and all that is known of it. Make one with `load_model`.

    Attributes:
        name: of the run, of the model, or of the file.
        graph: without loss, with auxiliary outputs.
        parameters: by full name, those of `graph`.
        task: what its output is taken for.
        classes: names of the classes, or of the numbers of a regression; () for masks of probabilities.
        preprocessing: what is done to an image before the network sees it; None where nothing is known of it.
        image_shape: (C, H, W) of an image after preprocessing, before it may be flattened; () for samples that are
            no images.
        scores: what the output is.
        source: the run's folder or the file; None for a model without either.
        origin: where the weights come from, in words.
        metadata: what a file says of itself.
        engine: of the run; the defaults for everything else.
        run: where it is one.
    """

    name: str
    graph: Graph
    parameters: Arrays
    task: TaskName
    classes: tuple[str, ...]
    preprocessing: PreprocessingOptions | None
    image_shape: tuple[int, ...]
    scores: Scores
    source: Path | None
    origin: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    engine: EngineOptions = field(default_factory=EngineOptions)
    run: Run | None = None

    @property
    def input(self) -> Shape:
        """The shape of a batch of samples as the network takes it."""
        return self.graph.inputs[0].shape

    @property
    def batch(self) -> int | None:
        """How many samples the network takes at once, if it takes no other number; None if any."""
        return self.input[0] if isinstance(self.input[0], int) else None

    @property
    def targets(self) -> TargetSpec:
        """What a right answer to one sample is."""
        if self.task == "regression":
            return TargetSpec("number", self.classes, (len(self.classes),), integer=False)
        if self.task == "classification":
            return TargetSpec("class", self.classes)
        size = tuple(map(int, self.graph.shapes[self.graph.output][2:]))
        return TargetSpec("mask", self.classes, size if self.classes else (1, *size), integer=bool(self.classes))

    def predictor(self, engine: str = "", *, dtype: DType | None = None, device: str = "") -> Predictor:
        """The network compiled: on the run's engine, on numpy, or on `engine`. Raises `UserError` as `compile` does."""
        own = not engine or engine == self.engine.engine
        if self.run is None:
            compute = get_engine(engine or self.engine.engine)
        else:  # a run may have kernels of its user
            with again(self.run.path, tables_of(self.run.spec), kept=self.run.use_kept):
                compute = engine_of(self.run.spec) if own else get_engine(engine)
        device = device or (self.engine.device if own else "cpu")
        dtype = dtype or compute.capabilities.nearest_dtype(self.engine.dtype)
        return compute.compile(self.graph, self.parameters, dtype=dtype, device=device)

    @cached_property
    def _predictor(self) -> Predictor:
        return self.predictor()

    def predict(self, samples: Array) -> Array:
        """What the network puts out for samples as it takes them, preprocessed: (N, C, H, W), (N, D), or one of these.

        Gives (N, classes), (N, classes, H, W) or (N, K), without the first axis if one sample came without it. For
        images as they are in files see `backproof.infer`. Raises `UserError` for samples of another shape.
        """
        samples = np.asarray(samples)
        alone = samples.ndim == len(self.input) - 1
        x = samples[None] if alone else samples
        if x.ndim != len(self.input) or x.shape[1:] != tuple(self.input[1:]):
            raise ModelError(f"model '{self.name}' takes samples of shape {self.input}, not {samples.shape}")
        output = outputs(self._predictor, x)
        return output[0] if alone else output

    def probabilities(self, output: Array) -> Array:
        """Probabilities, (N, classes, ...), where the output means some; numbers as they are."""
        if self.scores == "log_probabilities":
            powers: Array = np.exp(output)
            return powers
        if self.scores == "logits" and output.shape[1] == 1:
            return logistic(output)
        return softmax(output) if self.scores == "logits" else output

    def file_metadata(self) -> dict[str, str]:
        """What a file for other programs says of the model; `load_model` finds it there again."""
        flattened = self.preprocessing is not None and self.preprocessing.flatten
        known = Description(
            task=self.task,
            classes=self.classes,
            scores=self.scores,
            preprocessing=self.preprocessing,
            image_shape=self.image_shape if flattened else None,
        )
        return metadata_of(known, graph_hash=self.graph.hash, run=self.run.name if self.run is not None else "")


def outputs(predictor: Predictor, x: Array, name: str = "") -> Array:
    """The network's output for samples `x`, in batches of its own size where it takes no other; or that of node `name`.

    A last batch that is too small is filled up with its first sample, whose further answers are dropped.
    """
    graph = predictor.graph
    wanted, size = name or graph.output, graph.inputs[0].shape[0]
    if not isinstance(size, int):
        return predictor.forward({graph.inputs[0].name: x}, EVALUATION, (wanted,))[wanted]
    found = []
    for start in range(0, len(x), size):
        part = x[start : start + size]
        filled = np.concatenate([part, np.repeat(part[:1], size - len(part), axis=0)])
        found.append(predictor.forward({graph.inputs[0].name: filled}, EVALUATION, (wanted,))[wanted][: len(part)])
    return np.concatenate(found)


def load_model(
    model: str | Path,
    *,
    weights: str = "",
    weights_skip: Sequence[str] = (),
    input: Sequence[int] | None = None,
    classes: int | Sequence[str] | None = None,
    model_options: Sequence[str] = (),
    which: Which | None = None,
    task: TaskName | None = None,
    use_kept: bool = False,
) -> LoadedModel:
    """A run's folder, a registered model or `file.py:function`, or an `.onnx` file, with its weights.

    Args:
        model: what to load.
        weights: of a registered model: a .safetensors or .pth file; "" leaves those that the seed 0 draws.
        weights_skip: layers that keep the drawn ones, as in training.
        input: the shape of one sample, (C, H, W) or (D,): needed by a registered model; it binds a height and width
            that an .onnx file leaves open.
        classes: how many there are, or their names; of a run and of a file that says them: other names.
        model_options: a registered model's, as KEY=VALUE.
        which: of a run: "last" or "best" weights; None for the final ones, which are the best with keep_best.
        task: what the output is taken for, where nothing else says it: a row of numbers is classification.
        use_kept: of a run: execute the copies of the user's files that it keeps.

    Raises `UserError` for what is not there, and for options that do not go with such a model.
    """
    text, path = str(model), Path(model)
    named: dict[str, object] = {"weights": weights, "weights_skip": weights_skip, "model_option": model_options}
    if is_run(path):
        _refuse(named | {"input": input, "task": task}, f"run '{path.name}' has its own")
        loaded = _of_run(open_run(path, use_kept=use_kept), which)
    elif path.suffix == ".onnx":
        _refuse(named | {"which": which, "use_kept": use_kept}, f"'{text}' has its own network and weights")
        loaded = _of_onnx(path, input, task)
    else:
        _refuse({"which": which, "use_kept": use_kept}, f"it is for runs, and '{text}' is none")
        if not (is_reference(text) or text in MODELS):
            raise ModelError(f"'{text}' is no run's folder, no .onnx file and no model; {suggestion(text, MODELS)}")
        loaded = _of_name(text, weights, weights_skip, input, classes, model_options, task)
    return loaded if classes is None or isinstance(classes, int) else with_names(loaded, tuple(classes))


def _refuse(given: Mapping[str, object], why: str) -> None:
    for name, value in given.items():
        if value:
            raise OptionError(f"leave out {{{name}}}: {{}}", why)


def with_names(model: LoadedModel, names: tuple[str, ...]) -> LoadedModel:
    """The model with other names of its classes or numbers. Raises `UserError` if there are more or fewer of them."""
    count = int(model.graph.shapes[model.graph.output][1])
    if len(names) != count or (model.task == "segmentation" and count == 1):
        raise ModelError(f"{len(names)} names of classes are given, and model '{model.name}' puts out {count}")
    return replace(model, classes=names)


def _of_run(run: Run, which: Which | None) -> LoadedModel:
    which = which or ("best" if run.spec.training.keep_best else "last")
    with again(run.path, tables_of(run.spec), kept=run.use_kept):
        graph = run.read_graph()
    checkpoint = run.checkpoint(which)
    progress, kind = checkpoint.progress, TASK_NAMES[run.dataset.targets.kind]
    epoch = progress.best_epoch if which == "best" and progress.best_epoch else progress.epoch - 1
    bare = graph.without_loss(auxiliary=True)
    return LoadedModel(
        name=run.name,
        graph=bare,
        parameters={name: checkpoint.parameters[name] for name in bare.parameters},
        task=kind,
        classes=run.dataset.targets.names,
        preprocessing=run.spec.preprocessing,
        image_shape=run.dataset.image_shape,
        scores=_scores(graph, kind),
        source=run.path,
        origin=f"{which} weights of run '{run.name}', after epoch {epoch}",
        engine=run.spec.engine,
        run=run,
    )


def _of_name(
    name: str,
    weights: str,
    weights_skip: Sequence[str],
    input: Sequence[int] | None,
    classes: int | Sequence[str] | None,
    model_options: Sequence[str],
    task: TaskName | None,
) -> LoadedModel:
    if not input:
        raise OptionError("model '{}' needs the shape of a sample: give {input:C,H,W}, or the number of features", name)
    if classes is None:
        raise OptionError("model '{}' needs to know how many {classes} there are", name)
    count = classes if isinstance(classes, int) else len(classes)
    graph = build(name, Shape(BATCH, *input), count, read_options(model_options))
    drawn = ModelOptions(model=name, weights=weights, weights_skip=tuple(weights_skip))
    return _of_network(
        name,
        graph,
        initial_weights(drawn, graph),
        task,
        source=Path(weights) if weights else None,
        origin=f"weights of '{weights}'" if weights else "weights that the seed 0 drew",
    )


def _of_onnx(path: Path, input: Sequence[int] | None, task: TaskName | None) -> LoadedModel:
    network = read_onnx(path, Shape(BATCH, *input) if input else None)
    return _of_network(
        path.stem,
        network.graph,
        network.parameters,
        task,
        source=path,
        origin=f"weights of '{path}'",
        metadata=network.metadata,
    )


def _of_network(
    name: str,
    graph: Graph,
    parameters: Arrays,
    task: TaskName | None,
    *,
    source: Path | None,
    origin: str,
    metadata: Mapping[str, str] | None = None,
) -> LoadedModel:
    """A network without a run; its file may describe it, by the keys that `LoadedModel.file_metadata` writes."""
    output, said = graph.shapes[graph.output], description_in(metadata or {}, f"'{source}'")
    kind = task or said.task or _task_of_output(name, output)
    if len(output) != 4 if kind == "segmentation" else output[2:] not in ((), (1, 1)):
        raise ModelError(f"model '{name}' puts out {output}, which does not fit {kind}")
    count, bare = int(output[1]), graph.without_loss(auxiliary=True)
    if len(bare.inputs) != 1:
        inputs = ", ".join(i.name for i in bare.inputs)
        raise ModelError(f"model '{name}' takes the inputs {inputs}; a network on samples alone has one")
    names = said.classes or ()
    if kind == "segmentation" and count == 1:
        names = ()
    elif len(names) != count:
        names = tuple(f"y{i}" if kind == "regression" else str(i) for i in range(count))
    input = graph.inputs[0].shape
    return LoadedModel(
        name=name,
        graph=bare,
        parameters={key: parameters[key] for key in bare.parameters},
        task=kind,
        classes=names,
        preprocessing=said.preprocessing,
        image_shape=tuple(map(int, input[1:])) if len(input) == 4 else said.image_shape or (),
        scores=said.scores or _scores(graph, kind),
        source=source,
        origin=origin,
        metadata=metadata or {},
    )


def _task_of_output(name: str, output: Shape) -> TaskName:
    """What an output of such a shape is for, where nothing says it."""
    if len(output) == 4 and output[2:] != (1, 1):
        return "segmentation"
    if output[2:] not in ((), (1, 1)):  # rows of numbers, or images of one pixel, as SqueezeNet's
        raise ModelError(f"model '{name}' puts out {output}; it must be a row of numbers or an image for each sample")
    return "classification" if output[1] != 1 else "regression"


def _scores(graph: Graph, task: TaskName) -> Scores:
    """What the output is: the loss says it, or the last operation that is not one of shapes alone.

    Without either it is taken for logits.
    """
    if task == "regression":
        return "numbers"
    last = graph.output
    while last in graph.node and isinstance(graph.node[last].op, SHAPED):
        last = graph.node[last].inputs[0]
    op = graph.node[last].op if last in graph.node else None
    if isinstance(op, Softmax | Sigmoid):
        return "probabilities"
    if isinstance(op, LogSoftmax):
        return "log_probabilities"
    if graph.loss is None:
        return "logits"
    loss = loss_on_output(graph)
    if isinstance(loss, NLLLoss):
        return "log_probabilities"
    if task == "segmentation" and isinstance(loss, MSE):
        return "probabilities"
    return "logits" if loss is not None and loss.inside else "numbers"
