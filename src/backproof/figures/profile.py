"""Where the time of a training step goes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backproof.plots.theme import COLORS, axis, themed
from backproof.runs.store import NodeTime

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def node_times(nodes: Sequence[NodeTime]) -> "Figure":
    """Microseconds of each node a step, forward and backward."""
    from plotly.graph_objects import Figure

    figure = Figure()
    names = [f"{node.node}  " for node in nodes]
    for direction, color in (("forward", COLORS[0]), ("backward", COLORS[1])):
        figure.add_bar(
            x=[1e6 * getattr(node, f"{direction}_s") / node.calls for node in nodes],
            y=names,
            orientation="h",
            name=direction,
            marker={"color": color},
            hovertemplate="%{y} %{x:,.1f} µs<extra>" + direction + "</extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_layout(xaxis=axis("µs a step, forward blue, backward orange"))
    figure.update_layout(yaxis=axis(None, autorange="reversed", type="category"))
    return themed(figure, 90 + 26 * len(nodes))
