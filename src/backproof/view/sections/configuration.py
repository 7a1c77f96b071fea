"""The options of all runs: those that differ first, the others folded away."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from backproof.compare import Option, options
from backproof.runs.store import Run
from backproof.view.html import Html, element, folded, section
from backproof.view.sections.table import dot

NAME = ("output", "name")
"""Stands in every heading already."""


def configuration_section(runs: Sequence[Run]) -> Html:
    """A table of differences with a column a run, and the options that all runs share."""
    every = [option for option in options([run.spec for run in runs]) if (option.table, option.key) != NAME]
    differing = [option for option in every if option.differs]
    shared = [option for option in every if not option.differs]
    shared_tables = folded(
        "All options" if len(runs) == 1 else f"{len(shared)} options that all runs share",
        element(
            "div", *[shared_table(name, list(of)) for name, of in groupby(shared, lambda o: o.table)], class_="columns"
        ),
    )
    return section("Configuration", difference_table(runs, differing) if differing else None, shared_tables)


def difference_table(runs: Sequence[Run], differing: Sequence[Option]) -> Html:
    """A row an option, a column a run; what departs from the first run is marked."""
    head = element(
        "tr", element("th", "option", class_="name"),
        *[element("th", dot(place), run.name, class_="text", scope="col") for place, run in enumerate(runs)],
    )  # fmt: skip
    rows = [
        element(
            "tr",
            element("th", element("span", f"{option.table}.", class_="muted"), option.key, class_="name", scope="row"),
            *[
                element("td", shown(value), class_="text" if value == option.values[0] else "text changed")
                for value in option.values
            ],
        )
        for option in differing
    ]
    table = element("table", element("thead", head), element("tbody", *rows), class_="comparison options")
    return element("div", table, class_="card scroll")


def shared_table(name: str, shared: Sequence[Option]) -> Html:
    """The options of one table of the specification."""
    rows = [
        element("tr", element("th", option.key, scope="row"), element("td", shown(option.values[0]), class_="text"))
        for option in shared
    ]
    return element("div", element("h4", name), element("table", element("tbody", *rows), class_="plain"))


def shown(value: Any) -> str:
    """An option's value as the command line takes it."""
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value) or "–"
    return f"{value:g}" if isinstance(value, float) else str(value) or "–"
