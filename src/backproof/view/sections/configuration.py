"""The options of all runs: those that differ first, the others folded away."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from backproof.compare import settings
from backproof.runs.store import RunSnapshot
from backproof.tables import Cell, Column, Table, Value
from backproof.view.html import Html, element, folded, section
from backproof.view.tables import html_table

NAME = ("output", "name")
"""Stands in every heading already."""


def configuration_section(runs: Sequence[RunSnapshot]) -> Html:
    """A table of differences with a column a run, and the options that all runs share."""
    every = [setting for setting in settings([run.spec for run in runs]) if (setting.table, setting.key) != NAME]
    rows: list[list[Value]] = [
        [
            f"{setting.table}.{setting.key}",
            *(Cell(shown(value), "" if value == setting.values[0] else "changed") for value in setting.values),
        ]
        for setting in every
        if setting.differs
    ]
    columns = [Column("option"), *(Column(run.name) for run in runs)]
    differences = element("div", html_table(Table.of(columns, rows), "comparison options"), class_="card")
    shared = [setting for setting in every if not setting.differs]
    groups = [
        element(
            "div",
            element("h4", name),
            html_table(Table.of(("", ""), [(s.key, shown(s.values[0])) for s in of]), "plain"),
        )
        for name, of in groupby(shared, lambda setting: setting.table)
    ]
    title = "All options" if len(runs) == 1 else f"{len(shared)} options that all runs share"
    return section(
        "Configuration", differences if rows else None, folded(title, element("div", *groups, class_="columns"))
    )


def shown(value: Any) -> str:
    """An option's value as the command line takes it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value) or "–"
    return f"{value:g}" if isinstance(value, float) else str(value) or "–"
