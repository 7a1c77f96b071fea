"""Runs side by side. Numbers stay numbers; `Comparison.table` is what people see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backproof.compare.quantities import epochs_done, quantities
from backproof.compare.repeats import Repeats, group_repeats
from backproof.runs.store import Run, RunSnapshot, snapshots
from backproof.tables import Cell, Column, Table, best_places
from backproof.tables.numbers import deviation

Values = Mapping[str, str | float | None]


@dataclass(frozen=True)
class Comparison:
    """What runs have in common, and what each reached.

    Attributes:
        runs: in the order given.
        rows: the values of each run by the keys of the columns, such as "dev_accuracy"; None is what it has not.
        columns: those that at least one run has; texts that are the same in every row are in `common` instead.
        common: what all runs share, by the column's title, such as {"model": "mlp"}.
        repeats: groups of finished runs that differ in nothing but their model seed.
    """

    runs: tuple[RunSnapshot, ...]
    rows: tuple[Values, ...]
    columns: tuple[Column, ...]
    common: Mapping[str, str] = field(default_factory=dict)
    repeats: tuple[Repeats, ...] = ()

    def best(self, key: str) -> set[int]:
        """Places of the runs that are best in a column, as far as the written numbers differ; see `best_places`.

        Only finished runs can be the best: one that is still going has the shortest time.
        """
        (column,) = (column for column in self.columns if column.key == key)
        pairs = zip(self.runs, self.rows, strict=True)
        return best_places([row[key] if run.status == "finished" else None for run, row in pairs], column)

    def table(self) -> Table:
        """One line a run, the best values marked, and one line a group of repeats."""
        best = {column.key: self.best(column.key) for column in self.columns}
        rows = [
            [
                Cell(run.name, note=progress_note(run), color=place),
                *(Cell(row[c.key], "best" if place in best[c.key] else "") for c in self.columns),
            ]
            for place, (run, row) in enumerate(zip(self.runs, self.rows, strict=True))
        ]
        for repeats in self.repeats:
            name = Cell(f"mean of {len(repeats.names)} seeds", "muted", hint=", ".join(repeats.names))
            rows.append([name, *(_spread_cell(repeats, column) for column in self.columns)])
        return Table.of([Column("run"), *self.columns], rows)


def comparison(runs: Sequence[Run | RunSnapshot]) -> Comparison:
    """What all `runs` reached, finished or not."""
    taken = snapshots(runs)
    found = list(quantities(taken))
    rows = [{quantity.column.key: quantity.of(run) for quantity in found} for run in taken]
    columns, common = [], {}
    for column in (quantity.column for quantity in found):
        values = {row[column.key] for row in rows}
        if column.unit == "text" and len(values) == 1:
            common[column.title] = str(values.pop())
        elif values != {None}:
            columns.append(column)
    finished = [place for place, run in enumerate(taken) if run.status == "finished"]
    groups = [[finished[i] for i in group] for group in group_repeats([taken[place] for place in finished])]
    repeats = [Repeats.of([taken[i].name for i in group], [rows[i] for i in group]) for group in groups]
    return Comparison(tuple(taken), tuple(rows), tuple(columns), common, tuple(repeats))


def progress_note(run: RunSnapshot) -> str:
    """What to say beside a run's name: nothing for a finished one, else how far it got."""
    if run.status == "finished":
        return ""
    return f"{run.status}, epoch {epochs_done(run)} of {run.spec.training.epochs}"


def _spread_cell(repeats: Repeats, column: Column) -> Cell:
    known = repeats.spread.get(column.key)
    if column.better is None or known is None:
        return Cell("")
    return Cell(known.mean, "muted", f"± {deviation(known.mean, known.deviation, column.unit)}")
