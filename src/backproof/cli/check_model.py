"""`backproof check model` and `backproof check run`."""

import shlex
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backproof.cli.findings import PageOptions, conclude
from backproof.cli.options import Table, with_options
from backproof.engines.base import DType
from backproof.option import option, options_of
from backproof.runs.checks.case import NetworkOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from backproof.verify import CheckReport


@dataclass(frozen=True, kw_only=True)
class StepCheckOptions(PageOptions):
    """Of the check of a model or of a run."""

    dtype: DType = option("float64", "float64 finds the smallest errors, float32 is what networks are trained in.")
    steps: int = option(3, "Training steps to follow as well, on the same bytes in every engine.", minimum=0)


@dataclass(frozen=True, kw_only=True)
class RunCheckOptions(StepCheckOptions):
    """Of the check of a run."""

    use_kept: bool = option(False, "Execute the copies of your own files that the run keeps, and check with these.")


@dataclass(frozen=True, kw_only=True)
class ModelCheckOptions(StepCheckOptions):
    """Of the check of a model."""

    steps: int = option(0, "Training steps to follow as well, on the same bytes in every engine.", minimum=0)
    optimizer: str = option("sgd", "Of those steps.")
    node: tuple[str, ...] = option((), "Look at this node alone in isolation; may be given many times.")


@with_options(check=options_of(ModelCheckOptions), network=options_of(NetworkOptions))
def model(name: str, /, *, check: Table | None = None, network: Table | None = None) -> int:
    """Compare engines with a reference in float64, node by node, forward and backward; name the first error source.

    The exit code is 0 if all agree, 1 if anything disagrees, 3 if something could not be checked.

    Parameters
    ----------
    name
        A registered model, or path/to/file.py:function for your own.
    """
    from backproof.optim import require_optimizer
    from backproof.runs.checks.case import case_of_model
    from backproof.runs.checks.model import check_case

    options = ModelCheckOptions(**check or {})
    optimizer = require_optimizer(options.optimizer)()
    case = case_of_model(name, NetworkOptions(**network or {}), max(options.steps, 1))
    with _watched() as say:
        reports = check_case(
            case,
            options.engine_names,
            dtype=options.dtype,
            nodes=options.node,
            replay=_replay(),
            optimizer=optimizer if options.steps else None,
            say=say,
        )
    return _show(reports, options)


@with_options(check=options_of(RunCheckOptions))
def run(path: Path, /, *, check: Table | None = None) -> int:
    """Check a run's last checkpoint on the batches that come next: node by node, training steps, anomalies, gradients.

    The run's own engine is always among those that are compared. Nothing in the run's folder is changed.
    The exit code is 0 if all agree, 1 if anything disagrees, 3 if something could not be checked.

    Parameters
    ----------
    path
        The run, such as runs/mlp-numpy.
    """
    from backproof.runs.checks.model import check_run
    from backproof.runs.store import open_run

    options = RunCheckOptions(**check or {})
    with _watched() as say:
        checked = open_run(path, use_kept=options.use_kept)
        reports = check_run(checked, options.engine_names, dtype=options.dtype, steps=options.steps, say=say)
    print(reports[0].title)
    return _show(reports, options)


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


def _show(reports: "Sequence[CheckReport]", options: PageOptions) -> int:
    """Print the verdicts, write the files, and return the exit code."""
    from backproof.verify.networks.report import ModelReport
    from backproof.view.check_page import sentence

    for report in reports:
        print("\n".join(report.lines()) if isinstance(report, ModelReport) else sentence(report))
        if not isinstance(report, ModelReport):
            for finding in report.failures[:5]:
                print(f"  {finding}")
    return conclude(reports, reports[0].title, options)
