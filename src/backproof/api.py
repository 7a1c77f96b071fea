"""backproof from Python: train, open, go on, compare.

>>> import backproof as bp
>>> run = bp.train(dataset="digits", model="mlp", layers=(64,), engine="numpy", epochs=10)  # doctest: +SKIP
>>> run.result().test.accuracy  # doctest: +SKIP
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from backproof.errors import OptionError, UserError, suggestion
from backproof.option import options_of
from backproof.runs.launch import repeats, run_all
from backproof.runs.launch import resume as resume_run
from backproof.runs.launch import run as run_spec
from backproof.runs.options import Options, spec_from_options
from backproof.runs.spec import RunSpec
from backproof.runs.store import Run, RunSnapshot, list_runs, open_run
from backproof.runs.toml import load_experiments
from backproof.train.events import Observer
from backproof.user_file import use as execute_use

if TYPE_CHECKING:
    from backproof.compare import Comparison
    from backproof.data.options import PreprocessingOptions
    from backproof.infer import Exported, LoadedModel
    from backproof.infer.stream import Inference

__all__ = [
    "compare",
    "export",
    "infer",
    "list_runs",
    "load",
    "load_experiments",
    "open_run",
    "repeats",
    "resume",
    "run_all",
    "spec",
    "train",
]


def spec(**options: Unpack[Options]) -> RunSpec:
    """A run's specification from the options of the command line, with _ for -.

    Raises `UserError` for an unknown option or a wrong value.
    """
    return spec_from_options(options)


def train(spec: RunSpec | None = None, *, observers: Sequence[Observer] = (), **options: Unpack[Options]) -> Run:
    """Train a network and keep the run under its runs folder.

    Give the options of `backproof train` as keywords, or a `spec`. Observers are notified of every step and epoch.
    An interrupt ends the run after the step under way; its status is then "interrupted", and `resume` goes on.

    Raises `UserError` for everything that does not fit; then nothing is written.
    """
    if spec is not None and options:
        raise UserError(f"train() takes a spec or options, not both; it was given spec and {', '.join(options)}")
    return run_spec(spec if spec is not None else spec_from_options(options), observers)


def resume(
    run: Run | str | Path,
    *,
    epochs: int | None = None,
    observers: Sequence[Observer] = (),
    use: Sequence[str] = (),
    use_kept: bool = False,
) -> Run:
    """Go on with a run exactly where its last checkpoint stands, to the end of `epochs` if more are wanted.

    Files of yours that the run uses are executed where they lay; else say where they are by `use`, or with `use_kept`
    go on with the copies that the run keeps. Raises `UserError` if data or files have changed or there is nothing left
    to do.
    """
    for name in use:
        execute_use(name)
    kept = open_run(run.path if isinstance(run, Run) else run)  # anew: it may have gone on since
    wanted = kept.spec
    if epochs is not None:
        wanted = replace(wanted, training=replace(wanted.training, epochs=epochs))
    return resume_run(kept.path, observers, wanted, use_kept=use_kept)


def compare(*runs: Run | RunSnapshot | str | Path) -> "Comparison":
    """What runs reached, side by side, finished or not."""
    from backproof.compare import comparison

    return comparison([run if isinstance(run, Run | RunSnapshot) else open_run(run) for run in runs])


def load(model: Run | str | Path, **options: Any) -> "LoadedModel":
    """A network with its weights and all that belongs to it: a run, a registered model with weights, an .onnx file.

    `predict` of what it gives takes arrays. For `options` see `backproof.infer.load_model`: weights, input, classes,
    model_options, which, task. Raises `UserError` for what is not there, and for options that do not go with it.

    >>> load("runs/mlp-numpy").predict(x)  # doctest: +SKIP
    """
    from backproof.infer import load_model

    return load_model(model.path if isinstance(model, Run) else model, **options)


def export(
    model: "LoadedModel | Run | str | Path", path: str | Path, *, opset: int | None = None, preprocess: bool = False
) -> "Exported":
    """Write a network as `.onnx`, or its weights alone as `.pth` or `.safetensors`, as `backproof export` does.

    A file of ONNX is checked, computed by ONNX Runtime and compared with the network before it is kept.

    Args:
        model: what `load` gives, or takes without further options.
        path: the file.
        opset: of `.onnx`: the version of ONNX's operators; None for what released runtimes open.
        preprocess: of `.onnx`: begin with the preprocessing, so that the file takes pixels, bytes (N, H, W, C).

    Raises `UserError` for what ONNX has no word for, and where the file cannot be written.

    >>> export("runs/mlp-numpy", "mlp.onnx").difference  # doctest: +SKIP
    """
    from backproof.infer import LoadedModel
    from backproof.infer.export import export as write
    from backproof.interchange.onnx import OPSET

    loaded = model if isinstance(model, LoadedModel) else load(model)
    return write(loaded, path, opset=OPSET if opset is None else opset, preprocess=preprocess)


def infer(
    model: "LoadedModel | Run | str | Path",
    *inputs: str | Path,
    output: str | Path | None = None,
    write: Sequence[str] = (),
    top: int = 5,
    preprocessing: "PreprocessingOptions | None" = None,
    **options: Any,
) -> "Inference":
    """Let a network look at images, folders and .npz files.

    Iterate over what it gives: the answers come one by one, in constant memory; what was measured is in `measured`
    afterwards. With `output`, a folder, all of them are taken and written there at once, as `backproof infer` does.

    Args:
        model: what `load` gives, or takes.
        inputs: images, folders, .npz files.
        output: a folder for the answers.
        write: what to write there: csv, json, page, masks, cutouts, overlays, sheet; all that fit if empty.
        top: how many classes the files name of each image.
        preprocessing: instead of the model's own.
        options: engine, agree, device, dtype, threads, batch_size, stretch_masks; with `output` also explain,
            explain_images, explain_class, explain_layer, explain_patch.

    Raises `UserError` for everything that does not fit.

    >>> for answer in infer("runs/mlp-numpy", "photos"):  # doctest: +SKIP
    ...     print(answer.name, answer.values.argmax())
    """
    from backproof.infer import LoadedModel
    from backproof.infer.options import ExplainOptions, InferOptions
    from backproof.infer.start import start
    from backproof.view.infer_files import carry_out, writers_into

    known, explaining = options_of(InferOptions), options_of(ExplainOptions)
    for name in options:
        if name not in (*known, *explaining):
            raise OptionError("unknown option '{}'; {}", name, suggestion(name, (*known, *explaining)))
    why = ExplainOptions(**{name: value for name, value in options.items() if name in explaining})
    if why.explain and output is None:
        raise OptionError("{explain:{}} draws pictures; name a folder for them with {output:FOLDER}", why.explain)
    loaded = model if isinstance(model, LoadedModel) else load(model)
    computing = InferOptions(**{name: value for name, value in options.items() if name in known})
    inference = start(loaded, inputs, computing, preprocessing, keep_x=bool(why.explain))
    if output is not None:
        names = [str(path) for path in inputs]
        carry_out(inference, lambda: writers_into(Path(output), tuple(write), inference, names, top, why))
    return inference
