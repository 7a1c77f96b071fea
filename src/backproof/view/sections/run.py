"""One run at a time: what its task shows, weights, samples, checks, network and environment."""

from collections.abc import Iterable, Sequence
from typing import Any

from backproof.figures.runs import evaluated, run_figures
from backproof.plots.pictures import spread_out
from backproof.runs.store import RunSnapshot
from backproof.tables import Table
from backproof.tasks import task_of
from backproof.view.html import Html, element, folded, identity, section
from backproof.view.sections.curves import figure_card, is_wide
from backproof.view.sections.pictures import samples_block, weights_blocks
from backproof.view.tables import dot, html_table


def runs_section(runs: Sequence[RunSnapshot]) -> Html:
    """A panel a run; tabs choose if there are several."""
    tabs = [
        element(
            "button", dot(place), run.name, type="button", role="tab", data_run=place,
            aria_selected="true" if place == 0 else "false", aria_controls=f"run-{place}",
        )
        for place, run in enumerate(runs)
    ]  # fmt: skip
    bar = element("div", *tabs, class_="tabs", role="tablist") if len(runs) > 1 else None
    panels = [
        element("div", *panel(place, run), id=f"run-{place}", class_="panel", role="tabpanel", hidden=place > 0)
        for place, run in enumerate(runs)
    ]
    return section("Run by run" if len(runs) > 1 else "The run", bar, *panels)


def panel(place: int, run: RunSnapshot) -> Iterable[Html | None]:
    """All that there is to see of one run."""
    if run.result is not None and run.result.error:
        yield element("p", element("strong", "Failed: "), run.result.error, class_="card failure")
    figures = run_figures(run).items()
    wide = [figure_card(identity("run", place, title), title, f) for title, f in figures if is_wide(f)]
    narrow = [figure_card(identity("run", place, title), title, f) for title, f in figures if not is_wide(f)]
    tables = [table_card(table) for table in task_of(run.dataset.targets).tables(evaluated(run)[1])]
    beside = [element("div", *tables, class_="stack")] if tables else []
    if cards := [*wide, *narrow[:1], *beside, *narrow[1:]]:
        yield element("div", *cards, class_="grid")
    kept = {epoch: run.arrays(epoch) for epoch in spread_out(run.kept)}
    yield from weights_blocks(run, kept)
    yield samples_block(place, run, kept)
    yield checks_block(run)
    yield folded("Network", element("pre", run.graph.summary()))
    yield folded("Environment", facts_table(run.environment))
    yield folded("Data", facts_table(data_facts(run)))


def table_card(table: Table) -> Html:
    """A table below its title."""
    return element("div", html_table(table, "plain"), class_="card")


def checks_block(run: RunSnapshot) -> Html | None:
    """What the gradient checks found."""
    if run.result is None or not run.result.gradient_checks:
        return None
    made, failed = run.result.gradient_checks["made"], run.result.gradient_checks["failed"]
    verdict = "all of them passed" if not failed else f"{failed} of them failed"
    sentence = f"{made:,} numerical against analytical, in float64 on minibatches of the training: {verdict}."
    return element("div", element("h3", "Gradient checks"), element("p", sentence), class_="card")


def data_facts(run: RunSnapshot) -> dict[str, Any]:
    """The dataset as the run saw it."""
    data = run.dataset
    facts = {
        "dataset": data.name,
        "classes" if data.classes else "targets": ", ".join(data.targets.names) or "a mask",
        "input shape": " × ".join(map(str, data.input_shape)),
    }
    facts |= {"train": f"{data.train:,}", "dev": f"{data.dev:,}", "test": f"{data.test:,}"}
    facts["an epoch"] = str(run.spec.batch_sizes(data.train))
    if data.skipped:
        facts["skipped"] = ", ".join(map(str, data.skipped))
    return facts | {"fingerprint": data.fingerprint}


def facts_table(facts: dict[str, Any]) -> Html:
    """Names and values."""
    rows = [(name.replace("_", " "), value_of(value)) for name, value in facts.items() if value is not None]
    return html_table(Table.of(("", ""), rows), "plain facts")


def value_of(value: Any) -> str:
    """A value from a JSON file, for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {value_of(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(value_of, value))
    return str(value)
