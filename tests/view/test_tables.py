"""One table, in the terminal and on a page."""

import io
import re
from math import nan

import pytest
from rich.console import Console

from backproof.tables import Cell, Column, Table, best_places
from backproof.tables.numbers import deviation
from backproof.view.tables import html_table
from backproof.view.terminal import print_table

TABLE = Table.of(
    [
        Column("run"),
        Column("cost", "cost", "dev", "lower"),
        Column("accuracy", "fraction", "dev", "higher", "Good <ones>."),
        Column("peak memory", "megabytes", short="peak"),
    ],
    [
        [Cell("a", note="killed"), 0.5, Cell(0.25, "best"), 100.0],
        ["<b>", None, Cell(0.125, note="± 1.00", hint="three runs"), 99.6],
    ],
    "Title",
    ["A note."],
)  # fmt: skip


def printed(table: Table, width: int = 100) -> str:
    out = io.StringIO()
    print_table(table, Console(file=out, width=width))
    return out.getvalue()


def test_terminal() -> None:
    title, above, below, first, second, note, *rest = printed(TABLE).splitlines()
    assert title == "Title"
    assert above.split() == ["dev", "dev", "peak"]
    assert below.split() == ["run", "cost", "accuracy", "%", "MB"]
    assert first.split() == ["a", "*", "0.5000", "25.00", "100"]
    assert second.split() == ["<b>", "–", "12.50", "100"]
    assert note.split() == ["±", "1.00"]
    assert rest == ["* a: killed", "A note."]


def test_narrow_terminals_repeat_the_first_column_and_keep_groups_together() -> None:
    lines = printed(TABLE, 24).splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("run", "a *", "<b>"))] == ["run", "a", "<b>"] * 2
    assert next(line for line in lines if "cost" in line).split() == ["run", "cost", "accuracy", "%"]


def test_page() -> None:
    html = html_table(TABLE)
    assert '<th colspan="2" scope="colgroup" class="group">dev</th>' in html
    assert 'title="Good &lt;ones&gt;."' in html
    assert '<td class="best">25.00 %</td>' in html
    assert '<td title="three runs">12.50 %<small>± 1.00</small></td>' in html
    assert '<th scope="row" class="name text">&lt;b&gt;</th>' in html
    assert re.findall(r'rowspan="2"[^>]*>([^<]*)<', html) == ["run", "peak memory"]


def test_without_titles_there_is_no_heading() -> None:
    facts = Table.of(("", ""), [("cpu", "fast")])
    assert "<thead>" not in html_table(facts, "plain")
    assert printed(facts).split() == ["cpu", "fast"]


@pytest.mark.parametrize(
    ("values", "better", "places"),
    [
        ((0.1, 0.3, 0.2), "higher", {1}),
        ((0.1, 0.3, 0.2), "lower", {0}),
        ((0.30000001, 0.3, 0.2), "higher", {0, 1}),  # they read the same
        ((0.3, 0.3), "higher", set()),
        ((nan, 0.2, None, "text"), "lower", {1}),
        ((nan, nan), "lower", set()),
        ((1.0, 2.0), None, set()),
    ],
)
def test_best_places(values, better, places) -> None:
    assert best_places(values, Column("x", "fraction", better=better)) == places


@pytest.mark.parametrize(
    ("mean", "value", "unit", "text"),
    [
        (0.9, 0.0123, "fraction", "1.23"),
        (0.5, 0.01, "cost", "0.0100"),
        (3.0, 0.5, "epoch", "0.5"),
        (9.0, 2.0, "megabytes", "2"),
    ],
)
def test_deviations_have_the_digits_of_their_mean(mean, value, unit, text) -> None:
    assert deviation(mean, value, unit) == text
