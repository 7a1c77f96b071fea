"""Predicted against true numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.graph import Array
from backproof.plots.theme import COLORS, axis, label, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_POINTS = 2000
"""Points of one plot: of more samples every second one, or third."""


def scatter(predicted: Array, target: Array, names: Sequence[str]) -> "Figure":
    """Predicted over true numbers, (n, K) each, one plot for each of `names`; on the line both are equal."""
    return _plots(target, predicted, names, "true", "predicted", "diagonal")


def residuals(predicted: Array, target: Array, names: Sequence[str]) -> "Figure":
    """Predicted less true numbers, (n, K) each, over the predicted ones; 0 is right."""
    return _plots(predicted, np.asarray(predicted, np.float64) - target, names, "predicted", "predicted − true", "zero")


def _plots(x: Array, y: Array, names: Sequence[str], below: str, beside: str, line: str) -> "Figure":
    from plotly.subplots import make_subplots

    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = make_subplots(rows=rows, cols=columns, horizontal_spacing=0.09, vertical_spacing=0.16)
    every = -(-len(x) // MOST_POINTS)
    for k, name in enumerate(names):
        place: dict[str, Any] = {"row": k // columns + 1, "col": k % columns + 1}
        across, up = x[::every, k], y[::every, k]
        finite = np.isfinite(across) & np.isfinite(up)
        low, high = (
            float(f(across[finite], initial=0.0 if not finite.any() else across[finite][0])) for f in (np.min, np.max)
        )
        if line == "diagonal" and finite.any():
            low, high = min(low, float(up[finite].min())), max(high, float(up[finite].max()))
        figure.add_scatter(
            x=[low, high], y=[low, high] if line == "diagonal" else [0, 0], mode="lines", hoverinfo="skip",
            line={"color": "#868b93", "width": 1, "dash": "dot"}, **place,
        )  # fmt: skip
        figure.add_scatter(
            x=across.tolist(), y=up.tolist(), mode="markers", name=label(name),
            marker={"color": COLORS[0], "size": 5, "opacity": 0.55},
            hovertemplate=f"{below} %{{x:.4g}}<br>{beside} %{{y:.4g}}<extra></extra>", **place,
        )  # fmt: skip
        of = f" {label(name)}" if len(names) > 1 or name else ""
        figure.update_xaxes(axis(f"{below}{of}"), **place)
        figure.update_yaxes(axis(beside), **place)
    return themed(figure, 400 if rows == 1 else 320 * rows)
