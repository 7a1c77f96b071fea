"""`backproof report`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def report(
    run: Path,
    /,
    *runs: Path,
    output: Annotated[Path, Parameter(alias="-o")] = Path("report.html"),
) -> None:
    """Write one page that shows runs, finished or not. It holds all it needs, so it opens in any browser, offline.

    Parameters
    ----------
    run
        The folder of a run, such as runs/mlp-numpy.
    runs
        More of them, to be compared on the page.
    output
        The page to write.
    """
    from backproof.runs.store import open_run
    from backproof.view import write_report

    print(f"report written to {write_report([open_run(path) for path in (run, *runs)], output)}")
