"""Tables on a page."""

from itertools import groupby

from backproof.plots.theme import color
from backproof.tables import Cell, Column, Table
from backproof.view.html import Html, element, join

SIGNS = {"agrees": "✓ ", "differs": "✕ "}
"""Before the value of a cell with such a mark, so that colour is not the only difference."""


def html_table(table: Table, kind: str = "comparison") -> Html:
    """The table with its notes; `kind` is "comparison" for lines across the page, or "plain" for names and values."""
    head = element("thead", *headings(table.columns)) if any(column.title for column in table.columns) else None
    rows = [
        element(
            "tr", *[cell(c, column, first=not i) for i, (c, column) in enumerate(zip(row, table.columns, strict=True))]
        )
        for row in table.rows
    ]
    notes = [element("p", note, class_="note") for note in table.notes]
    title = element("h4", table.title) if table.title else None
    return join(
        title, element("div", element("table", head, element("tbody", *rows), class_=kind), class_="scroll"), *notes
    )


def headings(columns: tuple[Column, ...]) -> list[Html]:
    """What neighbours share above, the rest below; one line if there is nothing to share."""
    depth = 2 if any(column.group for column in columns) else 1
    above: list[Html] = []
    below: list[Html] = []
    for (group, _), members in groupby(enumerate(columns), key=lambda c: (c[1].group, 0 if c[1].group else c[0])):
        together = [column for _, column in members]
        target = below if group else above
        if group:
            above.append(element("th", group, colspan=len(together), scope="colgroup", class_="group"))
        for column in together:
            kind = "name" if column is columns[0] else "text" if column.unit == "text" else None
            rowspan = depth if not group and depth > 1 else None
            target.append(
                element("th", column.title, rowspan=rowspan, scope="col", title=column.meaning or None, class_=kind)
            )
    return [element("tr", *line) for line in (above, below) if line]


def cell(of: Cell, column: Column, *, first: bool) -> Html:
    """The heading of a row, or one of its values."""
    note = element("small", of.note) if of.note else None
    kinds = [kind for kind in ("name" if first else "", "text" if column.unit == "text" else "", of.mark) if kind]
    return element(
        "th" if first else "td",
        dot(of.color) if of.color is not None else None,
        SIGNS.get(of.mark, "") + of.text(column.unit),
        note,
        scope="row" if first else None,
        title=of.hint or None,
        class_=" ".join(kinds) or None,
    )


def dot(place: int) -> Html:
    """The run's colour."""
    return element("span", class_="dot", style=f"background:{color(place)}")
