"""`backproof train`."""

from contextlib import closing
from typing import Annotated

from cyclopts import App, Parameter

from backproof.cli.experiments import Given, continuation, experiments, split
from backproof.cli.options import Table, with_run_options
from backproof.compare import comparison
from backproof.errors import UserError
from backproof.runs.launch import resume, run_all
from backproof.runs.store import open_run
from backproof.runs.use import load_tokens
from backproof.view.progress import TerminalProgress
from backproof.view.terminal import print_comparison


def train(*tokens: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
    """Train every experiment, one after the other, and print them side by side. 130: a run was interrupted."""
    load_tokens(tokens)
    options, given = options_app(), list[Given]()
    for part in split(tokens):
        read_part = options(part, print_error=False, exit_on_error=False, result_action="return_value")
        if read_part is None:  # --help, which is answered now
            return 0
        given.append(read_part)
    common, *own = given

    with closing(TerminalProgress()) as progress:
        if common.resume is not None:
            spec = continuation(common, own, open_run(common.resume).spec)
            runs = [resume(common.resume, [progress], spec, use_kept=common.use_kept)]
        elif common.use_kept:
            raise UserError("--use-kept is for --resume RUN, which is not given")
        else:
            runs = run_all(experiments(common, own), [progress])

    print_comparison(comparison(runs))
    print(f"\na page with curves and pictures: backproof report {' '.join(str(run.path) for run in runs)}")
    return 130 if any(run.status == "interrupted" for run in runs) else 0


def options_app() -> App:
    """What reads the options of one experiment; anew for each command, because a user's file may add some."""
    app = App(name="backproof train", version_flags=[], help_format="plaintext")
    app.default(with_run_options(read))
    return app


def read(
    *,
    config: str | None = None,
    experiment: Annotated[bool, Parameter(negative=(), show_default=False)] = False,  # noqa: ARG001  (read by `split`; stands here for the help)
    repeat: int | None = None,
    resume: str | None = None,
    use_kept: Annotated[bool, Parameter(negative=())] = False,
    **tables: Table | None,
) -> Given:
    """Train a network on a dataset, or several to compare. Every run is kept in a folder of its own.

    Parameters
    ----------
    config
        A TOML file with the options, in tables named as the groups below; the command line goes before it.
    experiment
        Begin the options of the next experiment; those before the first are common to all.
    repeat
        Train this many times, with one model seed after the other.
    resume
        Go on with this run, such as runs/mlp-numpy, exactly where it stopped.
    use_kept
        Go on with the copies of your own files that the run keeps, if they are not where they were. It executes them.
    """
    given = {name: table for name, table in tables.items() if table}
    return Given(config=config, repeat=repeat, resume=resume, use_kept=use_kept, tables=given)
