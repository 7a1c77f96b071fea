"""Colours, marks and axes that all figures share. They read well on light and on dark paper."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLORS = ("#3573c4", "#e0701a", "#1f9a76", "#b8538f", "#4aa5de", "#c2960c", "#7a63c7", "#868b93")
"""One a run, distinguishable with every common kind of colour blindness (after Okabe & Ito 2008)."""

SYMBOLS = ("circle", "diamond", "square")
"""The second and third eight runs have the same colours again, but other marks."""

BLUE, ORANGE = "53,115,196", "224,112,26"
"""Right and wrong, in red, green and blue, for the confusion matrices."""

GRID = "rgba(128,132,140,0.18)"
FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


def color(run: int) -> str:
    """The colour of the run at a place in the report."""
    return COLORS[run % len(COLORS)]


def symbol(run: int) -> str:
    """Its mark."""
    return SYMBOLS[run // len(COLORS) % len(SYMBOLS)]


def axis(title: str | None, **options: Any) -> dict[str, Any]:
    """An axis: quiet lines, and a title unless the figure's own says all."""
    quiet = {"gridcolor": GRID, "zeroline": False, "automargin": True, "ticks": "", "linecolor": GRID}
    return {"title": {"text": title, "standoff": 12, "font": {"size": 13}}, **quiet, **options}


def label(name: str) -> str:
    """A name for an axis: Plotly would take its markup for formatting."""
    return name.replace("&", "&amp;").replace("<", "&lt;")


def themed(figure: "Figure", height: int, **layout: Any) -> "Figure":
    """The common look of all figures."""
    return figure.update_layout(
        template="none",
        height=height,
        margin={"l": 56, "r": 12, "t": 12, "b": 48},
        font={"family": FONT, "size": 13, "color": "#5d636c"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#9aa0a8", "activecolor": COLORS[0]},
        **layout,
    )
