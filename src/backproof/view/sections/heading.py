"""What was run, and the figures that one looks for first."""

from collections.abc import Sequence
from math import isnan

from backproof.compare import COLUMNS, Comparison
from backproof.runs.store import Run
from backproof.view.html import Html, element
from backproof.view.numbers import written

HEADLINES = ("dev_accuracy", "test_accuracy", "dev_cost", "seconds")


def heading(runs: Sequence[Run], comparison: Comparison) -> Html:
    """Title, one line on what was run, and the best figures."""
    return element(
        "header",
        element("p", "backproof report", class_="brand"),
        element("h1", title(runs)),
        element("p", " · ".join(facts(runs, comparison)), class_="facts"),
        element("div", *tiles(comparison), class_="tiles"),
    )


def title(runs: Sequence[Run]) -> str:
    """ "mlp on digits", "mlp-numpy and mlp-torch on digits", "5 runs on digits and colors"."""
    names = [run.name for run in runs]
    what = " and ".join(names) if len(runs) <= 2 else f"{len(runs)} runs"
    return f"{what} on {' and '.join(dict.fromkeys(run.dataset.name for run in runs))}"


def facts(runs: Sequence[Run], comparison: Comparison) -> list[str]:
    """What all runs share."""
    said = list(comparison.common.values())
    data = {(run.dataset.train, run.dataset.dev, run.dataset.test, len(run.dataset.classes)) for run in runs}
    if len(data) == 1:
        train, dev, test, classes = data.pop()
        said.append(f"{train:,} train, {dev:,} dev and {test:,} test samples in {classes} classes")
    started = sorted(str(run.environment["started"]) for run in runs if run.environment.get("started"))
    if started:
        said.append(f"{started[0][:16].replace('T', ' ')} UTC")
    return said


def tiles(comparison: Comparison) -> list[Html]:
    """The best of each headline figure among the finished runs, and whose it is."""
    rows = [row for row in comparison.rows if row.status == "finished"] or comparison.rows
    shown = []
    for column in COLUMNS:
        values = [row.value(column) for row in rows]
        numbers = [float(v) for v in values if v is not None and not isinstance(v, str) and not isnan(v)]
        if column.key not in HEADLINES or not numbers:
            continue
        best = max(numbers) if column.better == "higher" else min(numbers)
        shown_best = written(best, column.unit)
        owners = [row.name for row in rows if written(row.value(column), column.unit) == shown_best]
        superlative = {"dev_cost": "lowest", "seconds": "shortest"}.get(column.key, "best")
        label = f"{superlative} {column.heading}" if len(numbers) > 1 else column.heading
        whose = owners[0] if len(owners) == 1 else f"{len(owners)} runs alike"
        shown.append(
            element(
                "div",
                element("p", label, class_="label"),
                element("p", shown_best, class_="value"),
                element("p", whose, class_="whose") if len(numbers) > 1 else None,
                class_="tile",
            )
        )
    return shown
