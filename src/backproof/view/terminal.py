"""Tables in the terminal."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from backproof.compare import Comparison, WeightDistance
from backproof.tables import Cell, Column, Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

PLAIN_WIDTH = 120
"""Columns that a pipe or a file is taken to have."""

STYLES = {"best": "bold green", "changed": "yellow", "muted": "dim", "agrees": "green", "differs": "red"}
"""How the marks of cells look."""

SUFFIXES = {"fraction": " %", "megabytes": " MB"}
"""Units that stand in the heading instead of in every cell."""


def print_table(table: Table, console: "Console | None" = None) -> None:
    """Print a table. Where the terminal is too narrow for all columns they go into tables one below the other.

    Notes of the first column stand below the table, behind a star.
    In a terminal marked cells stand out; in a pipe or a file the table is plain text.
    """
    out = console or standard_console()
    if table.title:
        out.print(table.title, style="bold", markup=False, highlight=False)
    gap = 2 if len(columns_that_fit(table, out.width, 2)) == 1 else 1
    blocks = columns_that_fit(table, out.width, gap)
    for i, block in enumerate(blocks):
        if i:
            out.print()
        out.print(_rich_table(table, block, gap))
    footnotes = [f"* {row[0].text('text')}: {row[0].note}" for row in table.rows if row[0].note]
    for note in (*footnotes, *table.notes):
        out.print(note, style="dim", markup=False, highlight=False, soft_wrap=True)


def print_comparison(comparison: Comparison, console: "Console | None" = None) -> None:
    """Print one line a run, below what all of them share."""
    out = console or standard_console()
    if comparison.common:
        out.print(", ".join(f"{name}: {value}" for name, value in comparison.common.items()), highlight=False)
    out.print()
    print_table(comparison.table(), out)


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


def columns_that_fit(table: Table, width: int, gap: int) -> list[list[int]]:
    """Places of columns in as few portions as fit into `width` beside the first one; groups stay together."""

    def width_of(i: int, column: Column) -> int:
        cells = [line for row in table.rows for line in cell_lines(row[i], column, first=not i)]
        return max(map(len, [*heading(table, column).split("\n"), *cells]))

    widths = [width_of(i, column) for i, column in enumerate(table.columns)]
    portions: list[list[int]] = [[0]]
    used = widths[0]
    groups = groupby(range(1, len(widths)), key=lambda i: table.columns[i].group or i)
    for together in (list(members) for _, members in groups):
        needed = sum(gap + widths[i] for i in together)
        if len(portions[-1]) > 1 and used + needed > width:
            portions.append([0])
            used = widths[0]
        portions[-1] += together
        used += needed
    return portions


def heading(table: Table, column: Column) -> str:
    """Title and unit; in a table with groups two lines, the group above or else the first of several words."""
    title = (column.short or column.title) + SUFFIXES.get(column.unit, "")
    if not any(other.group for other in table.columns):
        return title
    above, _, below = (column.group, "", title) if column.group else title.rpartition(" ")
    return f"{above}\n{below}"


def cell_lines(cell: Cell, column: Column, *, first: bool) -> list[str]:
    """The value without the unit that stands in the heading, and a note."""
    sign = "✗ " if cell.mark == "differs" else ""
    text = sign + cell.text(column.unit).removesuffix(SUFFIXES.get(column.unit, "\0"))
    if first:
        return [text + " *" * bool(cell.note)]
    return [text, cell.note] if cell.note else [text]


def _rich_table(table: Table, places: Sequence[int], gap: int) -> "RichTable":
    """A table without lines: easy on the eye, and easy to cut up in a pipe."""
    from rich.table import Table as RichTable
    from rich.text import Text

    columns = [table.columns[i] for i in places]
    out = RichTable(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    out.show_header = any(column.title for column in table.columns)
    for column in columns:
        out.add_column(Text(heading(table, column)), justify="left" if column.unit == "text" else "right", no_wrap=True)
    for row in table.rows:
        out.add_row(*[_text(row[i], column, first=not i) for i, column in zip(places, columns, strict=True)])
    return out


def _text(cell: Cell, column: Column, *, first: bool) -> "Text":
    from rich.text import Text

    value, *notes = cell_lines(cell, column, first=first)
    return Text(value, style=STYLES.get(cell.mark, "")).append("".join(f"\n{note}" for note in notes), style="dim")
