"""Figures of checks: the network as a map of its nodes, error by depth, errors of tensors, growth over steps."""

import re
from itertools import groupby
from math import log10
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.engines.base import Direction
from backproof.plots.theme import BLUE, COLORS, GRID, ORANGE, axis, themed
from backproof.verify.core.finding import Finding
from backproof.verify.core.tolerances import EPSILON
from backproof.verify.networks.report import ModelReport, Panel, Way
from backproof.verify.training.trajectory import Growth

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

WAYS: tuple[Way, Way] = ("cumulative", "isolated")

ACROSS = 14
"""Nodes in a row of the map, at most."""

FAULT = "#c22f1f"


def rows_of(names: list[str]) -> list[tuple[str, list[str]]]:
    """Nodes in rows with a label: a block, such as layer3.11, has a row of its own; what has no block fills others.

    >>> rows_of(["conv1", "relu", "layer1.0.conv1", "layer1.0.relu1", "fc"])
    [('', ['conv1', 'relu']), ('layer1.0', ['layer1.0.conv1', 'layer1.0.relu1']), ('', ['fc'])]
    """
    rows: list[tuple[str, list[str]]] = []
    for block, members in groupby(names, key=_block):
        every = list(members)
        starts = range(0, len(every), ACROSS)
        rows += [("" if start else block, every[start : start + ACROSS]) for start in starts]
    return rows


def _block(name: str) -> str:
    found = re.match(r"\w+\.\d+(?=\.)|\w+(?=\.)", name)
    return found[0] if found else ""


def network_map(report: ModelReport, engine: str, direction: Direction) -> "Figure":
    """A cell a node: blue where it is right, orange the more it is off, a frame around an error source."""
    from plotly.graph_objects import Figure

    rows = rows_of([node.name for node in report.graph.nodes])
    across = max(len(members) for _, members in rows)
    z: list[list[float | None]] = [[None] * across for _ in rows]
    text = [[""] * across for _ in rows]
    hover = [[""] * across for _ in rows]
    crosses: list[tuple[int, int]] = []
    carried = report.of(engine, "cumulative", direction)
    for y, (block, members) in enumerate(rows):
        for x, name in enumerate(members):
            finding, role = carried.get(name), report.role(engine, name, direction)
            z[y][x] = _shade(finding) if role != "error source" else 1.0
            text[y][x] = name.removeprefix(f"{block}.").replace("downsample", "down") if block else name
            hover[y][x] = f"<b>{name}</b><br>{report.graph.node[name].op}<br>{_said(report, engine, name, direction)}"
            if role == "error source":
                crosses.append((x, y))
    figure = Figure()
    figure.add_heatmap(
        z=z,
        text=text,
        texttemplate="%{text}",
        textfont={"size": 9},
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
        colorscale=[
            [0, f"rgba({BLUE},0.14)"],
            [0.2499, f"rgba({BLUE},0.14)"],
            [0.25, f"rgba({ORANGE},0.22)"],
            [1, f"rgba({ORANGE},0.95)"],
        ],
        zmin=-1 / 3,
        zmax=1,
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
    )
    for x, y in crosses:
        box = {"x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5}
        figure.add_shape(type="rect", **box, line={"color": FAULT, "width": 3})
    labels = [block for block, _ in rows]
    quiet: dict[str, Any] = {"showgrid": False, "showline": False}
    figure.update_layout(
        xaxis=axis(None, showticklabels=False, fixedrange=True, **quiet),
        yaxis=axis(
            None, autorange="reversed", tickvals=[*range(len(rows))], ticktext=labels, tickfont={"size": 11}, **quiet
        ),
    )
    return themed(figure, 30 + 21 * len(rows) + 30 * (len(rows) < 4)).update_layout(margin={"l": 8, "b": 8, "t": 4})


def _shade(finding: Finding | None) -> float:
    """-1/3 where rounding explains the error; from 0 to 1 as the relative error goes from 1e-9 to 1."""
    if finding is None or finding.passed:
        return -1 / 3
    if not finding.error < 1:
        return 1.0
    return max(0.0, 1 + log10(max(finding.error, 1e-9)) / 9)


def _said(report: ModelReport, engine: str, name: str, direction: Direction) -> str:
    lines: list[str] = [report.role(engine, name, direction)]
    for way in ("isolated", "cumulative"):
        finding = report.of(engine, way, direction).get(name)
        if finding is not None:
            lines.append(f"{way}: {finding.what} off by {finding.error:.1e}, rounding explains {finding.tolerance:.1e}")
    return "<br>".join(lines)


def by_depth(report: ModelReport, direction: Direction) -> "Figure":
    """Errors from the first node to the last: cumulative as lines, isolated as dots, what rounding explains dotted."""
    from plotly.graph_objects import Figure

    figure = Figure()
    names = [node.name for node in report.graph.nodes]
    place = {name: i for i, name in enumerate(names)}
    limits: dict[str, float] = {}
    for number, engine in enumerate(report.engines):
        color = COLORS[number % len(COLORS)]
        for way in WAYS:
            found = {n: f for n, f in report.of(engine, way, direction).items() if n in place}
            if way == "cumulative":
                limits |= {n: f.tolerance for n, f in found.items() if f.tolerance}
            figure.add_scatter(
                x=[place[n] for n in found],
                y=[_shown(f.error) for f in found.values()],
                text=[f"{n}, {f.what}" for n, f in found.items()],
                mode="lines" if way == "cumulative" else "markers",
                name=f"{engine}, {way}",
                line={"color": color, "width": 1.8} if way == "cumulative" else None,
                marker={
                    "color": [color if f.passed else FAULT for f in found.values()],
                    "size": [4 if f.passed else 11 for f in found.values()],
                    "symbol": ["circle" if f.passed else "x" for f in found.values()],
                }
                if way == "isolated"
                else None,
                hovertemplate=f"%{{text}}<br>{engine}, {way}: %{{y:.1e}}<extra></extra>",
            )
    figure.add_scatter(
        x=[place[n] for n in limits],
        y=list(limits.values()),
        mode="lines",
        name="explained by rounding",
        line={"color": "#8a9098", "width": 1.2, "dash": "dot"},
        hovertemplate="rounding explains %{y:.1e}<extra></extra>",
    )
    starts, lowest = _stages(names), log10(EPSILON[report.dtype]) - 1.5
    figure.update_layout(
        xaxis=axis(None, tickvals=[x for x, _ in starts], ticktext=[t for _, t in starts], tickangle=0),
        yaxis=axis("relative error", type="log", exponentformat="power", dtick=3, range=[lowest, 0.5]),
    )
    themed(figure, 340)
    return figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": -0.14, "x": 0, "font": {"size": 12}}, margin={"b": 60}
    )


def _shown(error: float) -> float | None:
    """On a logarithmic axis there is no 0."""
    return error if 0 < error < np.inf else None


def _stages(names: list[str]) -> list[tuple[int, str]]:
    """Where the axis is labelled: at each new first part of a name, if they are not too many."""
    starts = [
        (i, n.split(".")[0]) for i, n in enumerate(names) if i == 0 or n.split(".")[0] != names[i - 1].split(".")[0]
    ]
    apart: list[tuple[int, str]] = []
    for i, text in starts:
        if not apart or i - apart[-1][0] >= max(1, len(names) // 8):
            apart.append((i, text))
    return apart


def error_map(panel: Panel) -> "Figure":
    """A tensor's error as a heat map, from nothing to the largest."""
    from plotly.graph_objects import Figure

    figure = Figure()
    figure.add_heatmap(
        z=panel.values.tolist(),
        colorscale=[[0, f"rgba({BLUE},0.06)"], [0.02, f"rgba({ORANGE},0.12)"], [1, f"rgba({ORANGE},1)"]],
        zmin=0,
        showscale=True,
        colorbar={"thickness": 8, "outlinewidth": 0, "tickformat": ".0e", "nticks": 3, "tickfont": {"size": 11}},
        hovertemplate="[%{y}, %{x}]: %{z:.2e}<extra></extra>",
    )
    rows, columns = panel.values.shape
    quiet = {"showgrid": False, "tick0": 0, "tickfont": {"size": 11}}
    figure.update_layout(
        xaxis=axis(None, **quiet, dtick=-(-columns // 8), showticklabels=columns > 1),
        yaxis=axis(None, autorange="reversed", **quiet, dtick=-(-rows // 4), showticklabels=rows > 1),
    )
    return themed(figure, 60 + min(200, max(40, 12 * rows))).update_layout(margin={"l": 36, "r": 4, "t": 4, "b": 28})


def growth_figure(growth: Growth) -> "Figure":
    """The largest difference after each training step, by engine, and what rounding explains."""
    from plotly.graph_objects import Figure

    figure = Figure()
    steps = [*range(1, len(growth.explained) + 1)]
    for number, (engine, errors) in enumerate(growth.error.items()):
        figure.add_scatter(
            x=steps,
            y=[_shown(error) for error in errors],
            mode="lines+markers",
            name=engine,
            line={"color": COLORS[number % len(COLORS)], "width": 2},
            marker={"size": 5},
        )
    figure.add_scatter(
        x=steps,
        y=growth.explained,
        mode="lines",
        name="explained by rounding",
        line={"color": "#8a9098", "width": 1.2, "dash": "dot"},
    )
    figure.update_layout(
        xaxis=axis("training step", gridcolor=GRID), yaxis=axis("relative error", type="log", exponentformat="power")
    )
    themed(figure, 340)
    return figure.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.24, "x": 0}, margin={"b": 72})
