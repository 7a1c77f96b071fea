"""`backproof check model` and `backproof check run`."""

import shlex
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from backproof.cli.findings import Engines, Json, Report, conclude, engine_names
from backproof.cli.lists import Texts
from backproof.cli.options import Table, with_options
from backproof.engines.base import DType
from backproof.errors import UserError
from backproof.option import options_of
from backproof.runs.checks.case import NetworkOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from backproof.verify import CheckReport

Page = Annotated[
    Report,
    Parameter(help="An HTML page to write: the network coloured by error, error by depth, the worst tensors."),
]


@with_options(network=options_of(NetworkOptions))
def model(
    name: str,
    /,
    *,
    engines: Engines = "",
    dtype: DType = "float64",
    steps: int = 0,
    optimizer: str = "sgd",
    node: Texts = (),
    report: Page = None,
    json: Json = None,
    network: Table | None = None,
) -> int:
    """Compare engines with a reference in float64, node by node, forward and backward; name the first error source.

    The exit code is 1 if anything disagrees.

    Parameters
    ----------
    name
        A registered model, or path/to/file.py:function for your own.
    dtype
        float64 finds the smallest errors, float32 is what networks are trained in.
    steps
        Training steps to follow as well, on the same bytes in every engine.
    optimizer
        Of those steps.
    node
        Look at this node alone in isolation; may be given many times.
    """
    from backproof.optim import require_optimizer
    from backproof.runs.checks.case import case_of_model
    from backproof.runs.checks.model import check_case

    _require_steps(steps)
    follow = require_optimizer(optimizer)()
    case = case_of_model(name, NetworkOptions(**network or {}), max(steps, 1))
    with _watched() as say:
        reports = check_case(
            case,
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

    _require_steps(steps)
    with _watched() as say:
        reports = check_run(open_run(path), engine_names(engines), dtype=dtype, steps=steps, say=say)
    print(reports[0].title)
    return _show(reports, report, json)


def _require_steps(steps: int) -> None:
    if steps < 0:
        raise UserError(f"--steps is {steps}; it must be 0 or more")


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
