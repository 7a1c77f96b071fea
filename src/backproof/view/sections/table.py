"""The comparison table, and how near engines came to each other."""

from collections.abc import Sequence
from itertools import combinations, groupby

from backproof.compare import Column, Comparison, Repeats, Row, WeightDistance, same_but_engine, weight_distance
from backproof.plots.theme import color
from backproof.runs.store import Run
from backproof.view.best import best_rows
from backproof.view.html import Html, element, folded, join, section
from backproof.view.numbers import spread, state, written


def comparison_section(comparison: Comparison) -> Html:
    """One line a run, the best values marked, and one line a group of repeats."""
    columns = comparison.columns
    rows = [run_row(place, row, comparison) for place, row in enumerate(comparison.rows)]
    rows += [repeats_row(repeats, columns) for repeats in comparison.repeats]
    note = (
        "Avoidable bias is the train error less the error of an ideal classifier, taken as 0; "
        "variance is the dev error less the train error."
    )
    if len(comparison.rows) > 1:
        note += " The best value of a column is bold."
    table = element("table", element("thead", *headings(columns)), element("tbody", *rows), class_="comparison")
    return section("Comparison", element("div", table, class_="card scroll"), note=note)


def headings(columns: Sequence[Column]) -> list[Html]:
    """Two lines: what neighbours share above, the rest below."""
    above, below = [element("th", "run", rowspan=2, scope="col", class_="name")], []
    for group, members in groupby(columns, key=lambda column: column.group or f" {column.key}"):
        together = list(members)
        if group.startswith(" "):
            kind = "text" if together[0].unit == "text" else None
            above.append(
                element("th", together[0].title, rowspan=2, scope="col", title=together[0].meaning, class_=kind)
            )
        else:
            above.append(element("th", group, colspan=len(together), scope="colgroup", class_="group"))
            below += [
                element("th", c.title, scope="col", title=c.meaning, class_="first" if c is together[0] else None)
                for c in together
            ]
    return [element("tr", *above), element("tr", *below)]


def run_row(place: int, row: Row, comparison: Comparison) -> Html:
    """The figures of one run."""
    cells = []
    for column in comparison.columns:
        kind = "text" if column.unit == "text" else "best" if place in best_rows(comparison, column) else None
        cells.append(element("td", written(row.value(column), column.unit), class_=kind))
    note = state(row.status, row.epochs, row.planned_epochs)
    name = element("th", dot(place), row.name, element("small", note) if note else None, scope="row", class_="name")
    return element("tr", name, *cells)


def repeats_row(repeats: Repeats, columns: Sequence[Column]) -> Html:
    """Mean and standard deviation of a group of repeats."""
    cells = []
    for column in columns:
        known = repeats.spread.get(column.key)
        if column.better is None or known is None:
            cells.append(element("td"))
            continue
        deviation = spread(known, column.unit).partition(" ± ")[2]
        cells.append(element("td", written(known.mean, column.unit), element("small", f"± {deviation}")))
    label = f"mean of {len(repeats.names)} model seeds"
    name = element("th", label, element("small", ", ".join(repeats.names)), scope="row", class_="name")
    return element("tr", name, *cells, class_="repeats")


def dot(place: int) -> Html:
    """The run's colour."""
    return element("span", class_="dot", style=f"background:{color(place)}")


def agreement_section(runs: Sequence[Run]) -> Html | None:
    """Pairs of runs that differ in the engine alone: how far their weights are apart at the end."""
    ended = [run for run in runs if run.status == "finished" and (run.path / "last.safetensors").is_file()]
    pairs = [(a, b) for a, b in combinations(ended, 2) if same_but_engine(a, b)]
    if not pairs:
        return None
    return section(
        "Agreement of engines",
        element("div", *[agreement(weight_distance(a, b)) for a, b in pairs], class_="card"),
        note="These runs began with the same weights and saw the same batches; only who computed differs.",
    )


def agreement(distance: WeightDistance) -> Html:
    """One pair, its parameters folded away."""
    a, b = distance.runs
    sentence = element(
        "p",
        f"After training, the weights of {a} and {b} differ by ",
        element("strong", f"{distance.overall.maximum:.1e}"),
        " at most, and by ",
        element("strong", f"{distance.overall.relative:.1e}"),
        " relative to their length (‖a − b‖ / max(‖a‖, ‖b‖)).",
        class_="lead",
    )
    rows = [
        element("tr", element("th", name, scope="row"), *[element("td", f"{x:.1e}") for x in (d.maximum, d.relative)])
        for name, d in distance.parameters.items()
    ]
    head = element("tr", *[element("th", title) for title in ("parameter", "largest difference", "relative")])
    table = element("table", element("thead", head), element("tbody", *rows), class_="plain")
    return join(sentence, folded("Each parameter", element("div", table, class_="scroll")))
