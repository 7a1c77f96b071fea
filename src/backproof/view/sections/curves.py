"""The curves of all runs, with one legend for all of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backproof.figures import curves
from backproof.runs.store import Run
from backproof.view.html import Html, element, script_data, section
from backproof.view.sections.table import dot

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def curves_section(runs: Sequence[Run]) -> Html | None:
    """Cost and accuracy, then what it took; None before the first epoch has ended."""
    if not any(run.epochs() for run in runs):
        return None
    whose = "Dev" if all(epoch.dev for run in runs for epoch in run.epochs()) else "Dev or train"
    shown = [
        figure_card("cost", "Cost", curves.learning(runs, "cost"), log=True),
        figure_card("accuracy", "Accuracy", curves.learning(runs, "accuracy")),
        figure_card("time", f"{whose} accuracy over time", curves.over_time(runs)),
        figure_card("throughput", "Samples a second", curves.throughput(runs)),
    ]
    if any(len({epoch.learning_rate for epoch in run.epochs()}) > 1 for run in runs):
        shown.append(figure_card("rate", "Learning rate", curves.learning_rate(runs), log=True))
    return section(
        "Learning",
        legend(runs),
        element("div", *shown, class_="grid curves"),
        note="Train figures are means over an epoch’s minibatches, taken while the weights move and dropout is on; "
        "dev figures are measured when the epoch has ended.",
    )


def legend(runs: Sequence[Run]) -> Html:
    """A button a run, and what the lines mean."""
    chips = [
        element("button", dot(place), run.name, type="button", class_="chip", data_run=place, aria_pressed="true")
        for place, run in enumerate(runs)
    ]
    keys = [
        element("span", element("i", class_="line"), "dev"),
        element("span", element("i", class_="line dotted"), "train"),
    ]
    if any(epoch.early_stop for run in runs for epoch in run.epochs()):
        keys.append(element("span", element("i", class_="ring"), "early stop"))
    return element("div", element("div", *chips, class_="chips"), element("div", *keys, class_="keys"), class_="legend")


def figure_card(identity: str, title: str, figure: "Figure", *, log: bool = False) -> Html:
    """A Plotly figure with its title; `log` offers a logarithmic axis."""
    button = element("button", "log", type="button", class_="log", data_figure=identity, aria_pressed="false")
    return element(
        "figure",
        element("figcaption", title, button if log else None),
        plot(identity, figure),
        class_="card",
    )


def plot(identity: str, figure: "Figure") -> Html:
    """The place of a figure, and its data; the page's script draws it."""
    data = script_data(f"data-{identity}", figure.to_json())
    return element("div", element("div", id=identity, class_="plot"), data)
