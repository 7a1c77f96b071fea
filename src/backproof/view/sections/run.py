"""One run at a time: its confusion matrix, weights, samples, checks, network and environment."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.figures.profile import node_times
from backproof.graph import Array
from backproof.plots.confusion import confusion, mistakes
from backproof.runs.store import Run
from backproof.view.html import Html, element, folded, join, section
from backproof.view.numbers import written
from backproof.view.sections.curves import plot
from backproof.view.sections.pictures import samples_block, weights_blocks
from backproof.view.sections.table import dot


def runs_section(runs: Sequence[Run]) -> Html:
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


def panel(place: int, run: Run) -> list[Html | None]:
    """All that there is to see of one run."""
    return [
        failure(run),
        confusion_block(place, run),
        *weights_blocks(run),
        samples_block(place, run),
        checks_block(run),
        profile_block(place, run),
        folded("Network", element("pre", run.graph.summary())),
        folded("Environment", facts_table(run.environment)),
        folded("Data", facts_table(data_facts(run))),
    ]


def failure(run: Run) -> Html | None:
    """Why the run failed, if it did."""
    result = run.result()
    if result is None or not result.error:
        return None
    return element("p", element("strong", "Failed: "), result.error, class_="card failure")


def confusion_block(place: int, run: Run) -> Html | None:
    """The confusion matrix on the test samples, or else on the dev samples of the last epoch that has one."""
    found = confusion_of(run)
    if found is None:
        return None
    title, matrix = found
    classes = list(run.dataset.classes)
    rows = [
        element(
            "tr",
            element("td", element("b", true), " taken for ", element("b", answer), class_="text"),
            element("td", f"{count}"),
            element("td", written(share, "fraction")),
        )
        for true, answer, count, share in mistakes(matrix, classes)
    ]
    head = element("tr", *[element("th", t, class_="text" if not t else None) for t in ("", "times", "of the class")])
    table = element("table", element("thead", head), element("tbody", *rows), class_="plain")
    side = join(element("h4", "Most frequent mistakes"), table if rows else element("p", "None.", class_="note"))
    return element(
        "div",
        element("h3", title),
        element("div", element("div", plot(f"confusion-{place}", confusion(matrix, classes))), element("div", side),
                class_="split"),
        class_="card",
    )  # fmt: skip


def confusion_of(run: Run) -> tuple[str, Array] | None:
    """A title and a matrix (rows true classes), or None if the run keeps none yet."""
    result = run.result()
    if result is not None and result.confusion_test is not None:
        return "Confusion matrix of the test samples", np.asarray(result.confusion_test)
    for epoch in reversed(run.epochs()):
        arrays = run.arrays(epoch.epoch)
        for partition in ("dev", "train"):
            if f"confusion_{partition}" in arrays:
                return f"Confusion matrix of the {partition} samples, epoch {epoch.epoch}", arrays[
                    f"confusion_{partition}"
                ]
    return None


def checks_block(run: Run) -> Html | None:
    """What the gradient checks found."""
    result = run.result()
    if result is None or not result.gradient_checks:
        return None
    made, failed = result.gradient_checks["made"], result.gradient_checks["failed"]
    verdict = "all of them passed" if not failed else f"{failed} of them failed"
    if "largest_error" in result.gradient_checks:  # runs kept by earlier versions have none
        verdict += f", largest relative error {result.gradient_checks['largest_error']:.1e}"
    sentence = f"{made:,} numerical against analytical, in float64 on minibatches of the training: {verdict}."
    return element("div", element("h3", "Gradient checks"), element("p", sentence), class_="card")


def profile_block(place: int, run: Run) -> Html | None:
    """The time of each node, if the run was profiled."""
    nodes = run.node_times()
    if nodes is None:
        return None
    figure = plot(f"profile-{place}", node_times(nodes))
    return element("div", element("h3", "Time of each node"), figure, class_="card")


def data_facts(run: Run) -> dict[str, Any]:
    """The dataset as the run saw it."""
    data = run.dataset
    facts = {
        "dataset": data.name,
        "classes": ", ".join(data.classes),
        "input shape": " × ".join(map(str, data.input_shape)),
    }
    facts |= {"train": f"{data.train:,}", "dev": f"{data.dev:,}", "test": f"{data.test:,}"}
    if data.skipped:
        facts["skipped"] = ", ".join(map(str, data.skipped))
    return facts | {"fingerprint": data.fingerprint}


def facts_table(facts: dict[str, Any]) -> Html:
    """Names and values."""
    rows = [
        element("tr", element("th", name.replace("_", " "), scope="row"), element("td", value_of(value), class_="text"))
        for name, value in facts.items()
        if value is not None
    ]
    return element("div", element("table", element("tbody", *rows), class_="plain facts"), class_="scroll")


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
