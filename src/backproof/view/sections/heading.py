"""What was run, and the results that one looks for first."""

from collections.abc import Iterator, Sequence
from math import isnan

from backproof.compare import Comparison
from backproof.runs.store import RunSnapshot
from backproof.tables import Column
from backproof.tables.numbers import written
from backproof.view.html import Html, element


def heading(runs: Sequence[RunSnapshot], comparison: Comparison) -> Html:
    """Title, one line on what was run, and the best results."""
    return element(
        "header",
        element("p", "backproof report", class_="brand"),
        element("h1", title(runs)),
        element("p", " · ".join(facts(runs, comparison)), class_="facts"),
        element("div", *tiles(comparison), class_="tiles"),
    )


def title(runs: Sequence[RunSnapshot]) -> str:
    """ "mlp on digits", "mlp-numpy and mlp-torch on digits", "5 runs on digits and colors"."""
    names = [run.name for run in runs]
    what = " and ".join(names) if len(runs) <= 2 else f"{len(runs)} runs"
    return f"{what} on {' and '.join(dict.fromkeys(run.dataset.name for run in runs))}"


def facts(runs: Sequence[RunSnapshot], comparison: Comparison) -> list[str]:
    """What all runs share."""
    shared = list(comparison.common.values())
    data = {(run.dataset.train, run.dataset.dev, run.dataset.test, len(run.dataset.classes)) for run in runs}
    if len(data) == 1:
        train, dev, test, classes = data.pop()
        of = f" in {classes} classes" if classes else ""
        shared.append(f"{train:,} train, {dev:,} dev and {test:,} test samples{of}")
    started = sorted(str(run.environment["started"]) for run in runs if run.environment.get("started"))
    if started:
        shared.append(f"{started[0][:16].replace('T', ' ')} UTC")
    return shared


def headlines(columns: Sequence[Column]) -> list[Column]:
    """Dev cost, the first metric of dev and test samples, and the time."""
    first = [next((c for c in columns if c.group == group and c.title != "cost"), None) for group in ("dev", "test")]
    chosen = [*first, *(c for c in columns if c.key in ("dev_cost", "seconds"))]
    return [column for column in chosen if column is not None]


def tiles(comparison: Comparison) -> Iterator[Html]:
    """The best of each headline among the finished runs, and whose it is."""
    every = list(zip(comparison.runs, comparison.rows, strict=True))
    ended = [(run, row) for run, row in every if run.status == "finished"] or every
    for column in headlines(comparison.columns):
        values = [row[column.key] for _, row in ended]
        numbers = [float(v) for v in values if v is not None and not isinstance(v, str) and not isnan(v)]
        if not numbers:
            continue
        best = written(max(numbers) if column.better == "higher" else min(numbers), column.unit)
        owners = [run.name for run, row in ended if written(row[column.key], column.unit) == best]
        several = len(numbers) > 1
        if several and column.better is None:
            continue
        superlative = {"dev_cost": "lowest", "seconds": "shortest"}.get(column.key, "best")
        whose = owners[0] if len(owners) == 1 else f"{len(owners)} runs alike"
        yield element(
            "div",
            element("p", f"{superlative} {column.heading}" if several else column.heading, class_="label"),
            element("p", best, class_="value"),
            element("p", whose, class_="whose") if len(every) > 1 else None,
            class_="tile",
        )
