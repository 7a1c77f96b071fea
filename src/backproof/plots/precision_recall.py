"""Precision over recall, threshold by threshold."""

from typing import TYPE_CHECKING

import numpy as np

from backproof.graph import Array
from backproof.plots.theme import COLORS, axis, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def precision_recall(precision: Array, recall: Array, best: int) -> "Figure":
    """One point a threshold of k/n, the highest first; a ring where F-beta is highest, at the point number `best`."""
    from plotly.graph_objects import Figure

    figure = Figure()
    thresholds = np.arange(len(precision), 0, -1) / len(precision)
    text = "threshold %{customdata:.3f}<br>precision %{y:.1%}<br>recall %{x:.1%}<extra></extra>"
    form = {"mode": "lines", "line": {"color": COLORS[0], "width": 2}, "hovertemplate": text}
    figure.add_scatter(x=recall.tolist(), y=precision.tolist(), customdata=thresholds.tolist(), **form)
    ring = {"symbol": "circle-open", "size": 14, "color": COLORS[1], "line": {"width": 2}}
    figure.add_scatter(x=[recall[best]], y=[precision[best]], mode="markers", marker=ring, hoverinfo="skip")
    across, up = (axis(title, range=[0, 1.02], tickformat=".0%") for title in ("recall", "precision"))
    return themed(figure.update_layout(xaxis=across, yaxis=up), 400)
