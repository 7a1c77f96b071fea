"""`backproof check`: prove that implementations are right, from one operation to a whole training run."""

from os import cpu_count
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from cyclopts import App

from backproof.cli.findings import CheckOptions, FileOptions, SampleOptions, WholeOptions, show
from backproof.cli.options import Table, with_options
from backproof.errors import unknown
from backproof.option import options_of

if TYPE_CHECKING:
    from backproof.verify.everything import CheckPlan

app = App(name="check", help="Compare operations, optimizers, models and runs of all engines with a reference.")
app.command("backproof.cli.check_model:model", name="model", help="Check a model node by node, engine against engine.")
app.command("backproof.cli.check_model:run", name="run", help="Check a run: its checkpoint, on its own data.")


@app.default
@with_options(check=options_of(WholeOptions))
def default(file: Path | None = None, /, *, check: Table | None = None) -> int:
    """Check everything: all operations, optimizers, small networks and small models, or what a file of yours declares.

    The exit code is 0 if all agree, 1 if anything disagrees, 3 if something could not be checked.

    Parameters
    ----------
    file
        A Python file with operations or optimizers of your own; see docs/how-to/check-your-own-layer.md.
    """
    from backproof.verify.everything import everything

    start, options = perf_counter(), WholeOptions(**check or {})
    names = options.known_engines
    if file is None:
        plan = everything(names, dtypes=options.dtypes, seeds=options.seeds, save=options.save)
        return _carry_out(plan, options.processes, start, options)
    if not file.suffix and not file.exists():
        raise unknown("check", str(file), [name for name in app if not name.startswith("-")])
    options.require_float64()
    from backproof.engines import get_engine
    from backproof.verify.custom.file import check_file
    from backproof.verify.replay import Keeper

    chosen = [get_engine(name) for name in names] if options.engines else []
    keep = Keeper(options.save, file) if options.save else None
    found = check_file(file, chosen, seeds=range(options.seeds), keep=keep)
    return show({str(file): found}, perf_counter() - start, options)


@app.command
@with_options(check=options_of(SampleOptions))
def op(name: str, /, *names: str, check: Table | None = None) -> int:
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

    start, options = perf_counter(), SampleOptions(**check or {})
    by_lower = {known.lower(): known for known in OPERATIONS}
    for given in (name, *names):
        if given.lower() not in by_lower:
            raise unknown("operation", given, OPERATIONS)
    operations = tuple(by_lower[given.lower()] for given in (name, *names))
    plan = CheckPlan(options.known_engines, operations, dtypes=options.dtypes, seeds=options.seeds, save=options.save)
    return _carry_out(plan, 1, start, options)


@app.command
@with_options(check=options_of(CheckOptions))
def optimizer(name: str, /, *names: str, check: Table | None = None) -> int:
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

    start, options = perf_counter(), CheckOptions(**check or {})
    optimizers = tuple(require_optimizer(given).__name__.lower() for given in (name, *names))
    plan = CheckPlan(options.known_engines, optimizers=optimizers, dtypes=options.dtypes, save=options.save)
    return _carry_out(plan, 1, start, options)


@app.command
@with_options(check=options_of(CheckOptions))
def network(name: str, /, *names: str, check: Table | None = None) -> int:
    """Check small networks over several training steps: what engines fuse, share, forget and keep between batches.

    Parameters
    ----------
    name
        A network of backproof.verify.steps.networks, such as fan-out.
    names
        More of them.
    """
    from backproof.verify.everything import CheckPlan
    from backproof.verify.steps.networks import NETWORKS

    start, options = perf_counter(), CheckOptions(**check or {})
    for given in (name, *names):
        if given not in NETWORKS:
            raise unknown("network", given, NETWORKS)
    plan = CheckPlan(options.known_engines, networks=(name, *names), dtypes=options.dtypes, save=options.save)
    return _carry_out(plan, 1, start, options)


@app.command
@with_options(check=options_of(FileOptions))
def replay(file: Path, /, *, check: Table | None = None) -> int:
    """Compute a failure again that --save kept, and compare with the values expected then.

    Parameters
    ----------
    file
        The .npz file. It is computed by the engine that was wrong, if no engines are given.
    """
    from backproof.engines import get_engine
    from backproof.verify.replay import replay as compute_again

    start, options = perf_counter(), FileOptions(**check or {})
    chosen = [get_engine(name) for name in options.known_engines] if options.engines else []
    return show({file.name: compute_again(file, chosen)}, perf_counter() - start, options)


def _carry_out(plan: "CheckPlan", processes: int, start: float, options: CheckOptions) -> int:
    """With a line a subject while it goes on if somebody watches."""
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
    reports = {kind: CheckReport.joined(kind, parts) for kind, parts in found.items()}
    return show(reports, perf_counter() - start, options)
