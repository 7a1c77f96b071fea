"""Confusion matrices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from backproof.graph import Array
from backproof.plots.theme import BLUE, ORANGE, axis, label, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_NUMBERS = 30
"""Classes up to which the counts stand in the cells."""


def confusion_matrix(matrix: Array, classes: Sequence[str]) -> "Figure":
    """Rows are true classes, columns the model's answers: right ones blue, wrong ones orange.

    The strength of blue is the fraction of the row. Mistakes are few in a good model, so that orange is scaled to the
    largest of them (of 10 % at least), by its square root.
    """
    from plotly.graph_objects import Figure

    counts = np.asarray(matrix, np.int64)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    right = np.eye(len(counts), dtype=bool)
    worst = max(float(share[~right].max(initial=0.0)), 0.1)
    strength = np.where(right, share, -np.sqrt(share / worst))
    hover = [
        [f"{row} taken for {column}" if row != column else f"{row} classified correctly" for column in classes]
        for row in classes
    ]
    figure = Figure()
    figure.add_heatmap(
        z=strength.tolist(),
        text=[[f"{n}" if n else "" for n in row] for row in counts] if len(classes) <= MOST_NUMBERS else None,
        texttemplate="%{text}" if len(classes) <= MOST_NUMBERS else None,
        customdata=np.stack([np.array(hover, object), counts, np.round(100 * share, 1)], -1).tolist(),
        hovertemplate="%{customdata[0]}<br>%{customdata[1]} samples, %{customdata[2]} % of the class<extra></extra>",
        colorscale=[
            [0, f"rgba({ORANGE},0.75)"],
            [0.4999, f"rgba({ORANGE},0.04)"],
            [0.5, f"rgba({BLUE},0.04)"],
            [1, f"rgba({BLUE},0.62)"],
        ],
        zmin=-1,
        zmax=1,
        showscale=False,
        xgap=2,
        ygap=2,
    )
    places = list(range(len(classes)))
    # Names go to labels, not to coordinates: "3" would be read as a number, and two classes could look the same.
    labels = {"tickvals": places, "ticktext": [label(name) for name in classes], "showgrid": False, "showline": False}
    figure.update_layout(
        xaxis=axis("answer", side="top", constrain="domain", **labels),
        yaxis=axis("true class", autorange="reversed", scaleanchor="x", constrain="domain", **labels),
    )
    return themed(figure, 540).update_layout(margin={"b": 8})


def mistakes(matrix: Array, classes: Sequence[str], most: int = 6) -> list[tuple[str, str, int, float]]:
    """The most frequent mistakes: true class, answer, how often, and that as a share of the class."""
    counts = np.array(matrix, np.int64)
    sizes = np.maximum(counts.sum(1), 1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:most]
    places = [divmod(int(i), len(classes)) for i in order]
    return [
        (classes[true], classes[answer], int(counts[true, answer]), float(counts[true, answer] / sizes[true]))
        for true, answer in places
        if counts[true, answer]
    ]
