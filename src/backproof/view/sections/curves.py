"""The curves of all runs, with one legend for all of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backproof.figures import figures
from backproof.runs.store import RunSnapshot
from backproof.view.html import Html, element, identity, script_data, section
from backproof.view.tables import dot

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def curves_section(runs: Sequence[RunSnapshot]) -> Html | None:
    """Every measure, then what it took; None before the first epoch has ended."""
    found = figures(runs)
    if not found:
        return None
    shown = [figure_card(identity(title), title, figure) for title, figure in found.items()]
    return section(
        "Learning",
        legend(runs),
        element("div", *shown, class_="grid curves"),
        note="Train curves are means over an epoch’s minibatches, taken while the weights move and dropout is on; "
        "dev curves are measured when the epoch has ended.",
    )


def legend(runs: Sequence[RunSnapshot]) -> Html:
    """A button a run, and what the lines mean."""
    chips = [
        element("button", dot(place), run.name, type="button", class_="chip", data_run=place, aria_pressed="true")
        for place, run in enumerate(runs)
    ]
    keys = [
        element("span", element("i", class_="line"), "dev"),
        element("span", element("i", class_="line dotted"), "train"),
    ]
    if any(epoch.early_stop for run in runs for epoch in run.epochs):
        keys.append(element("span", element("i", class_="ring"), "early stop"))
    return element("div", element("div", *chips, class_="chips"), element("div", *keys, class_="keys"), class_="legend")


def figure_card(name: str, title: str, figure: "Figure") -> Html:
    """A Plotly figure with its title; its `meta` may ask for a button for a logarithmic axis, or the page's width."""
    wishes = figure.layout.meta or {}
    button = element("button", "log", type="button", class_="log", data_figure=name, aria_pressed="false")
    return element(
        "figure",
        element("figcaption", title, button if wishes.get("log") else None),
        plot(name, figure),
        class_="card wide" if is_wide(figure) else "card",
    )


def is_wide(figure: "Figure") -> bool:
    """Whether a figure asks for the page's width."""
    return bool((figure.layout.meta or {}).get("wide"))


def plot(name: str, figure: "Figure") -> Html:
    """The place of a figure, and its data; the page's script draws it."""
    data = script_data(f"data-{name}", figure.to_json())
    return element("div", element("div", id=name, class_="plot"), data)
