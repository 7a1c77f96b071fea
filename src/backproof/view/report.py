"""The report: one HTML page on one or more runs that needs nothing but itself."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import backproof
from backproof.compare import comparison
from backproof.errors import UserError
from backproof.runs.store import Run, RunSnapshot, snapshots
from backproof.view.document import document, write_document
from backproof.view.html import element, join
from backproof.view.sections.configuration import configuration_section
from backproof.view.sections.curves import curves_section
from backproof.view.sections.heading import heading, title
from backproof.view.sections.run import runs_section
from backproof.view.sections.table import agreement_section, comparison_section

MOST_RUNS = 20


def write_report(runs: Sequence[Run | RunSnapshot], path: str | Path) -> Path:
    """Write the page on `runs` to `path` and return it. The page opens offline: scripts, styles and pictures are in it.

    Unfinished runs show what they have so far. Raises `UserError` for no run or too many, and where the page cannot
    be written.
    """
    if not 1 <= len(runs) <= MOST_RUNS:
        raise UserError(f"a report is on 1 to {MOST_RUNS} runs, not {len(runs)}")
    return write_document(page_of(snapshots(runs)), Path(path), "report")


def page_of(runs: Sequence[RunSnapshot]) -> str:
    """The whole page as text."""
    table = comparison(runs)
    now = datetime.now(UTC)
    body = join(
        heading(runs, table),
        comparison_section(table),
        agreement_section(runs),
        curves_section(runs),
        runs_section(runs),
        configuration_section(runs),
        element("footer", f"backproof {backproof.__version__} · {now:%Y-%m-%d %H:%M} UTC"),
    )
    return document(join(title(runs)), body)
