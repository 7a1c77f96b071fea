"""Tables as values: columns that know what they hold, rows of cells, and marks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal

from backproof.tables.numbers import Unit, written

Better = Literal["higher", "lower"]

Mark = Literal["", "best", "changed", "muted", "agrees", "differs"]
"""What makes a cell stand out, or step back."""


@dataclass(frozen=True)
class Column:
    """What the cells below a heading hold.

    Attributes:
        title: the heading.
        unit: how numbers are written; texts are aligned left, numbers right.
        group: a heading shared with neighbours, or "".
        better: which values are good, or None where that is no question.
        meaning: one sentence for people.
        short: the title in as few letters as can be, for the terminal; "" for the title itself.
        key: by which programs know it; "" for none.
    """

    title: str
    unit: Unit = "text"
    group: str = ""
    better: Better | None = None
    meaning: str = ""
    short: str = ""
    key: str = ""

    @property
    def heading(self) -> str:
        """Group and title in one: "train accuracy"."""
        return f"{self.group} {self.title}".strip()


@dataclass(frozen=True)
class Cell:
    """A value; None is what is not known.

    Attributes:
        mark: see `Mark`.
        note: small, below the value.
        hint: longer, shown by a page when asked.
        color: a place among the colours of runs; None for none.
    """

    value: str | float | None = None
    mark: Mark = ""
    note: str = ""
    hint: str = ""
    color: int | None = None

    def text(self, unit: Unit) -> str:
        """As people read it."""
        return written(self.value, unit)


Value = Cell | str | float | None


@dataclass(frozen=True)
class Table:
    """Rows below columns; the first cell of a row names it. Columns without any title have no heading line."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        columns: Iterable[Column | str],
        rows: Iterable[Iterable[Value]],
        title: str = "",
        notes: Iterable[str] = (),
    ) -> "Table":
        """From plain values; a column given as a text is one of texts."""
        return cls(
            tuple(Column(column) if isinstance(column, str) else column for column in columns),
            tuple(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows),
            title,
            tuple(notes),
        )


def best_places(values: Sequence[str | float | None], column: Column) -> set[int]:
    """Places of the values that read the same as the best one; none if all read the same, or there is no better.

    Two engines may differ in the eighth digit: then neither is the better one. NaN never is.
    """
    numbers = {i: float(v) for i, v in enumerate(values) if v is not None and not isinstance(v, str)}
    known = {i: v for i, v in numbers.items() if not isnan(v)}
    if column.better is None or not known:
        return set()
    best = written((max if column.better == "higher" else min)(known.values()), column.unit)
    places = {i for i, v in known.items() if written(v, column.unit) == best}
    return places if len(places) < len(numbers) else set()
