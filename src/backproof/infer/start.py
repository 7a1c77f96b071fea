"""From options to a stream of answers, with everything known to be good. Nothing is written."""

from collections.abc import Sequence
from pathlib import Path

from backproof.data.options import PreprocessingOptions
from backproof.engines import get_engine
from backproof.errors import OptionError
from backproof.infer.loaded import LoadedModel, load_model
from backproof.infer.options import InferOptions, LoadingOptions
from backproof.infer.prepare import Preparation
from backproof.infer.samples import find_samples, read_labels
from backproof.infer.stream import Inference


def load_with(model: str | Path, options: LoadingOptions) -> LoadedModel:
    """`load_model` by options. Raises `UserError` as that does, and for labels that cannot be read."""
    return load_model(
        model,
        weights=options.weights,
        input=options.input or None,
        classes=read_labels(options.labels) if options.labels else options.classes or None,
        model_options=options.model_option,
        which=options.which or None,
        task=options.task or None,
        use_kept=options.use_kept,
    )


def start(
    model: LoadedModel,
    inputs: Sequence[str | Path],
    options: InferOptions,
    preprocessing: PreprocessingOptions | None = None,
    *,
    keep_x: bool = False,
) -> Inference:
    """The answers of a model to all that lies at `inputs`, ready to be taken one by one.

    `preprocessing` instead of the model's own. Raises `UserError` for inputs and engines that are not there, and for
    a model of one seed's weights.
    """
    if not inputs:
        raise OptionError("there is nothing to look at: name images, folders or .npz files")
    if model.run is None and model.source is None:
        raise OptionError(
            "model '{}' has learnt nothing; give its {weights}, or name a run or an .onnx file", model.name
        )
    if options.stretch_masks and (model.task != "segmentation" or model.classes):
        raise OptionError("{stretch_masks} is for masks of probabilities, and model '{}' gives none", model.name)
    samples = [find_samples(path, model.targets) for path in inputs]
    own = options.engine or model.engine.engine
    further = [name.strip() for name in options.agree.split(",") if name.strip()]
    engines = list(dict.fromkeys([*([options.engine] if options.engine or not further else []), *further]))
    if options.threads:
        for name in engines:
            get_engine(name or own).set_threads(options.threads)
    predictors = {
        name or own: model.predictor(name, dtype=options.dtype, device=options.device if name in ("", own) else "")
        for name in engines
    }
    return Inference(
        model=model,
        samples=samples,
        predictors=predictors,
        preparation=Preparation(model, preprocessing),
        batch_size=options.batch_size,
        stretch=options.stretch_masks,
        keep_x=keep_x,
    )
