"""`backproof check`: prove that implementations are right, from one operation to a whole training run."""

from collections.abc import Mapping
from os import cpu_count
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from cyclopts import App

from backproof.cli.findings import DTypes, Engines, Json, Report, Save, Seeds, conclude, engine_names
from backproof.errors import UserError, unknown

if TYPE_CHECKING:
    from backproof.engines import DType
    from backproof.verify import CheckReport
    from backproof.verify.everything import CheckPlan

app = App(name="check", help="Compare operations, optimizers, models and runs of all engines with a reference.")
app.command("backproof.cli.check_model:model", name="model", help="Check a model node by node, engine against engine.")
app.command("backproof.cli.check_model:run", name="run", help="Check a run: its checkpoint, on its own data.")


@app.default
def default(
    file: Path | None = None,
    /,
    *,
    engines: Engines = "",
    dtype: DTypes = "",
    seeds: Seeds = 3,
    processes: int = 0,
    json: Json = None,
    report: Report = None,
    save: Save = None,
) -> int:
    """Check everything: all operations, optimizers and small models, or what a file of yours declares.

    The exit code is 1 if anything disagrees.

    Parameters
    ----------
    file
        A Python file with operations or optimizers of your own; see docs/how-to/check-your-own-layer.md.
    processes
        Processes that share the work; 0: one a core.
    """
    from backproof.verify.everything import everything

    start = perf_counter()
    names = _engines(engines)
    if processes < 0:
        raise UserError(f"--processes is {processes}; it must be 1 or more, or 0 for one a core")
    if file is None:
        plan = everything(names, dtypes=_dtypes(dtype), seeds=_seeds(seeds), save=save)
        return _carry_out(plan, processes, start, json, report)
    if not file.suffix and not file.exists():
        raise unknown("check", str(file), [name for name in app if not name.startswith("-")])
    if dtype not in ("", "float64"):
        raise UserError(f"--dtype is {dtype}; what a file of yours declares is checked in float64")
    from backproof.engines import get_engine
    from backproof.verify.custom.file import check_file
    from backproof.verify.replay import Keeper

    chosen = [get_engine(name) for name in names] if engines else []
    found = check_file(file, chosen, seeds=range(_seeds(seeds)), keep=Keeper(save, file) if save else None)
    return _show({str(file): found}, start, json, report)


@app.command
def op(
    name: str,
    /,
    *names: str,
    engines: Engines = "",
    dtype: DTypes = "",
    seeds: Seeds = 3,
    json: Json = None,
    report: Report = None,
    save: Save = None,
) -> int:
    """Check operations: outputs, gradients, state, dtypes, shapes, and the contract of engines, over all samples.

    Parameters
    ----------
    name
        An operation, such as Conv2d.
    names
        More of them.
    """
    from backproof.graph import OPERATIONS
    from backproof.verify.everything import CheckPlan

    start = perf_counter()
    by_lower = {known.lower(): known for known in OPERATIONS}
    for given in (name, *names):
        if given.lower() not in by_lower:
            raise unknown("operation", given, OPERATIONS)
    operations = tuple(by_lower[given.lower()] for given in (name, *names))
    plan = CheckPlan(_engines(engines), operations, dtypes=_dtypes(dtype), seeds=_seeds(seeds), save=save)
    return _carry_out(plan, 1, start, json, report)


@app.command
def optimizer(
    name: str,
    /,
    *names: str,
    engines: Engines = "",
    dtype: DTypes = "",
    json: Json = None,
    report: Report = None,
    save: Save = None,
) -> int:
    """Check optimizers, step by step on awkward gradients: weights and state.

    Parameters
    ----------
    name
        An optimizer, such as adabound.
    names
        More of them.
    """
    from backproof.optim import require_optimizer
    from backproof.verify.everything import CheckPlan

    start = perf_counter()
    optimizers = tuple(require_optimizer(given).__name__.lower() for given in (name, *names))
    plan = CheckPlan(_engines(engines), optimizers=optimizers, dtypes=_dtypes(dtype), save=save)
    return _carry_out(plan, 1, start, json, report)


@app.command
def replay(file: Path, /, *, engines: str = "", json: Json = None) -> int:
    """Compute a failure again that --save kept, and compare with the values expected then.

    Parameters
    ----------
    file
        The .npz file.
    engines
        Engines that compute it, with commas between them; the one that was wrong if not given.
    """
    from backproof.engines import get_engine
    from backproof.verify.replay import replay as compute_again

    start = perf_counter()
    chosen = [get_engine(name) for name in _engines(engines)] if engines else []
    return _show({file.name: compute_again(file, chosen)}, start, json)


def _engines(text: str) -> tuple[str, ...]:
    """The engines asked for, or all that are installed."""
    from backproof.engines import ENGINES, installed
    from backproof.engines.registry import require_entry

    names = engine_names(text) or tuple(name for name in ENGINES if installed(name))
    for name in names:
        require_entry(name)
    return names


def _dtypes(text: str) -> "tuple[DType, ...]":
    if text not in ("", "float32", "float64"):
        raise unknown("--dtype", text, ("float32", "float64"))
    return (text,) if text else ("float64", "float32")  # type: ignore[return-value]


def _seeds(count: int) -> int:
    if count < 1:
        raise UserError(f"--seeds is {count}; it must be 1 or more")
    return count


def _carry_out(plan: "CheckPlan", processes: int, start: float, json: Path | None, report: Path | None) -> int:
    """Do it, with a line a subject while it goes on if somebody watches."""
    from sys import stderr

    from backproof.verify import CheckReport
    from backproof.verify.everything import carry_out

    found: dict[str, list[CheckReport]] = {}
    for done, (kind, part) in enumerate(carry_out(plan, processes or cpu_count() or 1), 1):
        found.setdefault(kind, []).append(part)
        if stderr.isatty():
            print(f"\r\x1b[K{done} of {len(plan.tasks)}: {part.title}", end="", file=stderr, flush=True)
    if stderr.isatty():
        print("\r\x1b[K", end="", file=stderr)
    return _show({kind: CheckReport.joined(kind, parts) for kind, parts in found.items()}, start, json, report)


def _show(reports: "Mapping[str, CheckReport]", start: float, json: Path | None, report: Path | None = None) -> int:
    """Tables now, files where they are wanted, and the exit code."""
    from backproof.view.check_terminal import print_check

    print_check(reports, perf_counter() - start)
    return conclude(list(reports.values()), "check of " + " and ".join(reports), json, report)
