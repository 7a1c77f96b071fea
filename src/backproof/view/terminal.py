"""The comparison of runs as a table in the terminal."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from backproof.compare import Column, Comparison, Row, WeightDistance
from backproof.view.best import best_rows
from backproof.view.numbers import spread, state, written

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_WIDTH = 120
"""Columns that a pipe or a file is taken to have."""


def print_comparison(comparison: Comparison, console: "Console | None" = None) -> None:
    """Print one line a run. Where the terminal is too narrow for all columns they go into tables one below the other.

    In a terminal the best values stand out; in a pipe or a file the table is plain text.
    """
    out = console or standard_console()
    if comparison.common:
        out.print(", ".join(f"{name}: {value}" for name, value in comparison.common.items()), highlight=False)
    gap = 2 if len(blocks(comparison, out.width, 2)) == 1 else 1
    for block in blocks(comparison, out.width, gap):
        out.print()
        out.print(runs_table(comparison, block, gap))
    for row in comparison.rows:
        if note := state(row.status, row.epochs, row.planned_epochs):
            out.print(f"* {row.name}: {note}", highlight=False, markup=False)
    if comparison.repeats:
        out.print("\nmean ± standard deviation over model seeds")
        out.print(repeats_table(comparison))


def print_weight_distance(distance: WeightDistance, console: "Console | None" = None) -> None:
    """Print how far the weights of two runs are apart, in one line."""
    a, b = distance.runs
    (console or standard_console()).print(
        f"weights of {a} and {b}: largest difference {distance.overall.maximum:.1e}, "
        f"relative {distance.overall.relative:.1e} (‖a - b‖ / max(‖a‖, ‖b‖))",
        highlight=False,
        soft_wrap=True,
    )


def standard_console() -> "Console":
    """Standard output: as wide as the terminal, or `PLAIN_WIDTH` where it is none."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


def blocks(comparison: Comparison, width: int, gap: int) -> list[list[Column]]:
    """The columns in as few portions as fit into `width` beside the runs' names; groups of columns stay together."""
    first = max([len("run"), *(len(name_of(row)) for row in comparison.rows)])
    portions: list[list[Column]] = [[]]
    used = first
    for _, members in groupby(comparison.columns, key=lambda column: column.group or column.key):
        together = list(members)
        needed = sum(gap + cells_width(comparison, column) for column in together)
        if portions[-1] and used + needed > width:
            portions.append([])
            used = first
        portions[-1] += together
        used += needed
    return portions


def cells_width(comparison: Comparison, column: Column) -> int:
    """The width of the longest cell of a column."""
    return max(map(len, (*column.short.split("\n"), *(cell(row, column) for row in comparison.rows))))


def runs_table(comparison: Comparison, columns: Sequence[Column], gap: int) -> "Table":
    """One line a run, some of the columns."""
    from rich.text import Text

    out = bare_table(gap)
    out.add_column("\nrun", no_wrap=True)
    for column in columns:
        out.add_column(column.short, justify="left" if column.unit == "text" else "right", no_wrap=True)
    best = {column.key: best_rows(comparison, column) for column in columns}
    for place, row in enumerate(comparison.rows):
        cells = [Text(cell(row, column), style="bold green" if place in best[column.key] else "") for column in columns]
        out.add_row(Text(name_of(row)), *cells)
    return out


def repeats_table(comparison: Comparison) -> "Table":
    """One line a figure, one column a group of repeats."""
    from rich.text import Text

    out = bare_table(3)
    out.add_column()
    for repeats in comparison.repeats:
        out.add_column(Text(f"{repeats.names[0]} × {len(repeats.names)}"), justify="right")
    for column in comparison.columns:
        if column.better is not None:
            cells = [spread(repeats.spread.get(column.key), column.unit) for repeats in comparison.repeats]
            out.add_row(column.heading, *cells)
    return out


def bare_table(gap: int) -> "Table":
    """A table without lines: easy on the eye, and easy to cut up in a pipe."""
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")


def name_of(row: Row) -> str:
    """The run's name, with a star unless it is finished."""
    return row.name if row.status == "finished" else f"{row.name} *"


def cell(row: Row, column: Column) -> str:
    """One figure as text; the heading says the unit."""
    return written(row.value(column), column.unit).removesuffix(" MB").removesuffix(" %")
