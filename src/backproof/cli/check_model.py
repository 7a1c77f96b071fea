"""`backproof check model` and `backproof check run`."""

import shlex
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from backproof.cli.findings import Engines, Json, Report, conclude, engine_names
from backproof.cli.lists import Numbers, Texts
from backproof.engines.base import DType
from backproof.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from backproof.verify import CheckReport

Page = Annotated[
    Report,
    Parameter(help="An HTML page to write: the network coloured by error, error by depth, the worst tensors."),
]


def model(
    name: str,
    /,
    *,
    engines: Engines = "",
    dtype: DType = "float64",
    batch_size: int = 4,
    input: Numbers = (1, 28, 28),
    image_size: int | None = None,
    classes: int = 10,
    model_option: Texts = (),
    data: str = "",
    data_dir: str = "datasets",
    weights: str = "",
    evaluation: Annotated[bool, Parameter(negative=())] = False,
    steps: int = 0,
    optimizer: str = "sgd",
    seed: int = 0,
    node: Texts = (),
    report: Page = None,
    json: Json = None,
) -> int:
    """Compare engines with a reference in float64, node by node, forward and backward; name the first error source.

    The exit code is 1 if anything disagrees.

    Parameters
    ----------
    name
        A registered model, or path/to/file.py:function for your own.
    dtype
        float64 finds the smallest faults, float32 is what networks are trained in.
    batch_size
        Samples of the batch.
    input
        The shape of one sample: channels, height and width, or the number of features.
    image_size
        Height and width of the samples, instead of those of --input.
    classes
        How many classes there are.
    model_option
        An option of the model, as KEY=VALUE; may be given many times.
    data
        A dataset whose samples are taken, instead of random ones.
    data_dir
        The folder in which datasets are looked up by name.
    weights
        A file with weights, .safetensors or .pth, instead of random ones.
    evaluation
        Evaluation mode: running statistics and no dropout. Gradients are checked all the same.
    steps
        Training steps to follow as well, on the same bytes in every engine.
    optimizer
        Of those steps.
    seed
        Seed of random samples, weights and dropout.
    node
        Look at this node alone in isolation; may be given many times.
    """
    from dataclasses import replace

    from backproof.data import DataOptions, PreprocessingOptions
    from backproof.engines import Mode
    from backproof.models import read_options
    from backproof.optim import require_optimizer
    from backproof.runs.checks.case import Draw, data_case, random_case
    from backproof.runs.checks.model import check_case

    if batch_size < 1 or steps < 0:
        raise UserError("--batch-size is 1 or more, and --steps 0 or more")
    if seed < 0:
        raise UserError(f"--seed is {seed}; it must be 0 or more")
    follow = require_optimizer(optimizer)()
    options, batches = read_options(model_option), max(steps, 1)
    size = () if image_size is None else (image_size, image_size)
    draw = Draw(batch_size, batches, seed, weights)
    if data:
        source = DataOptions(dataset=data, data_dir=data_dir)
        case = data_case(name, options, source, PreprocessingOptions(resize=size), draw)
    else:
        case = random_case(name, options, (*input[:1], *size) if size else input, classes, draw)
    with _watched() as say:
        reports = check_case(
            replace(case, mode=Mode(not evaluation, seed)),
            engine_names(engines),
            dtype=dtype,
            nodes=node,
            replay=_replay(),
            optimizer=follow if steps else None,
            say=say,
        )
    return _show(reports, report, json)


def run(
    path: Path,
    /,
    *,
    engines: str = "",
    dtype: DType = "float64",
    steps: int = 3,
    report: Report = None,
    json: Json = None,
) -> int:
    """Check a run's last checkpoint on the batches that come next: node by node, training steps, anomalies, gradients.

    Nothing in the run's folder is changed. The exit code is 1 if anything disagrees.

    Parameters
    ----------
    path
        The run, such as runs/mlp-numpy.
    engines
        Engines to compare with, besides the run's own; all that are installed if not given.
    dtype
        float64 finds the smallest faults.
    steps
        Training steps to follow from the checkpoint on.
    """
    from backproof.runs.checks.model import check_run
    from backproof.runs.store import open_run

    if steps < 0:
        raise UserError(f"--steps is {steps}; it must be 0 or more")
    with _watched() as say:
        reports = check_run(open_run(path), engine_names(engines), dtype=dtype, steps=steps, say=say)
    print(reports[0].title)
    return _show(reports, report, json)


def _replay() -> str:
    """This command again, without the files that it writes and the nodes that it was for."""
    words, kept = iter(sys.argv[1:]), ["backproof"]
    for word in words:
        if word in ("--report", "--json", "--node"):
            next(words, None)
        elif not word.startswith(("--report=", "--json=", "--node=")):
            kept.append(shlex.quote(word))
    return " ".join(kept)


@contextmanager
def _watched() -> "Iterator[Callable[[str], None]]":
    """A line that says how far it got, where somebody watches; it is gone in the end, and after an interrupt."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = shutil.get_terminal_size().columns
    try:
        yield lambda text: print(f"\r\x1b[K{text[: columns - 1]}", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _show(reports: "Sequence[CheckReport]", page: Path | None, json: Path | None) -> int:
    """Print the verdicts, write the files, and return the exit code."""
    from backproof.verify.networks.report import ModelReport
    from backproof.view.check_page import sentence

    for report in reports:
        print("\n".join(report.lines()) if isinstance(report, ModelReport) else sentence(report))
        if not isinstance(report, ModelReport):
            for finding in report.failures[:5]:
                print(f"  {finding}")
    return conclude(reports, reports[0].title, json, page)
