"""The report: one HTML page on one or more runs that needs nothing but itself."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from string import Template

import backproof
from backproof.compare import comparison
from backproof.errors import UserError
from backproof.runs.store import Run
from backproof.view.html import Html, element, join
from backproof.view.sections.configuration import configuration_section
from backproof.view.sections.curves import curves_section
from backproof.view.sections.heading import heading, title
from backproof.view.sections.run import runs_section
from backproof.view.sections.table import agreement_section, comparison_section

MOST_RUNS = 20


def write_report(runs: Sequence[Run], path: str | Path) -> Path:
    """Write the page on `runs` to `path` and return it. The page opens offline: scripts, styles and pictures are in it.

    Unfinished runs show what they have so far. Raises `UserError` for no run or too many, and where the page cannot
    be written.
    """
    if not 1 <= len(runs) <= MOST_RUNS:
        raise UserError(f"a report is on 1 to {MOST_RUNS} runs, not {len(runs)}.")
    target = Path(path)
    page = page_of(runs)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"the report cannot be written to {target}: {error.strerror}.") from error
    return target


def page_of(runs: Sequence[Run]) -> str:
    """The whole page as text."""
    from plotly.offline import get_plotlyjs

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
    return Template(part("report.html")).substitute(
        title=join(title(runs)),
        css=part("report.css"),
        plotly=Html(get_plotlyjs()),
        script=part("report.js"),
        body=body,
    )


def part(name: str) -> str:
    """One of the page's own files."""
    return (files("backproof.view") / "page" / name).read_text(encoding="utf-8")
