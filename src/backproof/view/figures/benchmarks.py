"""Figures of benchmarks: bars against the rival, and curves over sizes with the fitted growth."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from backproof.bench import CONTENDERS, Experiment, Measurement, curves
from backproof.bench.growth import Curve, Quantity
from backproof.bench.table import varying
from backproof.view.figures.theme import axis, color, dress, symbol

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BAR = 17
"""Pixels of height a bar."""

UNITS = {"seconds": "seconds", "memory": "peak memory, MB"}


def contender_color(name: str) -> str:
    """The same in every figure."""
    names = list(CONTENDERS)
    return color(names.index(name)) if name in names else color(0)


def ratios_figure(experiment: Experiment, quantity: Quantity) -> "Figure":
    """A bar for each contender and setting: its median, or peak memory, over the rival's; whiskers are quartiles."""
    from plotly.graph_objects import Figure

    figure = Figure()
    names = varying(experiment.measurements)
    places = list(dict.fromkeys(m.place for m in experiment.measurements))
    by_contender: dict[str, list[Measurement]] = {}
    for m in experiment.measurements:
        by_contender.setdefault(m.contender, []).append(m)
    for contender, own in by_contender.items():
        values, lows, highs = [], [], []
        for m in own:
            rival = experiment.rival(m)
            assert rival is not None, "an experiment has its rival at every place"
            if quantity == "memory":
                values.append((m.peak_memory_mb or 0.0) / (rival.peak_memory_mb or 1.0))
                continue
            low, high = m.quartiles
            values.append(m.median / rival.median)
            lows.append((m.median - low) / rival.median)
            highs.append((high - m.median) / rival.median)
        figure.add_bar(
            orientation="h",
            y=[setting_label(m, names) for m in own],
            x=values,
            name=contender,
            marker={"color": contender_color(contender)},
            text=[f"{value:.2f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            error_x={"type": "data", "array": highs, "arrayminus": lows, "thickness": 1, "width": 2, "color": "#9aa0a8"}
            if lows
            else None,
            hovertemplate=f"{contender}<br>%{{y}}: %{{x:.3f}}<extra></extra>",
        )
    return finish_bars(figure, len(places), len(by_contender), mark=1.0)


def setting_label(m: Measurement, names: Sequence[str]) -> str:
    """ "1 thread, batch size 64"."""
    threads = m.settings.get("threads")
    said = [f"{threads} thread{'s' * (threads != 1)}"] if threads else []
    return ", ".join(
        said + [f"{name} {m.settings[name]}" for name in names if name != "threads" and name in m.settings]
    )


def operations_figure(experiment: Experiment, what: Literal["ratio", "share"]) -> "Figure":
    """A bar for each shape and contender, forward and backward together."""
    from plotly.graph_objects import Figure

    figure = Figure()
    whole = [m for m in experiment.measurements if m.part == "all"]
    for contender in dict.fromkeys(m.contender for m in whole):
        own = [m for m in whole if m.contender == contender]
        values = [share(experiment, m) if what == "share" else experiment.ratio(m) or 0.0 for m in own]
        form = ".0%" if what == "share" else ",.2f"
        figure.add_bar(
            orientation="h",
            y=[subject_label(m) for m in own],
            x=values,
            name=contender,
            marker={"color": contender_color(contender)},
            text=[format(value, form) for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"{contender}<br>%{{y}}: %{{x:{form}}}<extra></extra>",
        )
    shapes = len({subject_label(m) for m in whole})
    finish_bars(figure, shapes, len(figure.data), mark=1.0)
    if what == "share":
        figure.update_xaxes(tickformat=".0%")
    elif max(value for bar in figure.data for value in bar.x) > 20:  # beside plain loops all others would vanish
        figure.update_xaxes(type="log")
    return figure


def share(experiment: Experiment, m: Measurement) -> float:
    """Of what one large matrix product reaches."""
    return m.flops / m.median / 1e9 / experiment.peak_gflops[m.settings["threads"]]


def subject_label(m: Measurement) -> str:
    """Two lines: the operation, and its input."""
    op, _, shape = m.subject.partition(" on ")
    threads = m.settings["threads"]
    return f"{op}<br>{shape}" + (f", {threads} threads" if threads > 1 else "")


def rates_figure(experiment: Experiment) -> "Figure":
    """Samples a second of each stage."""
    names, values = (
        [m.contender for m in experiment.measurements],
        [m.samples / m.median for m in experiment.measurements],
    )
    return single_bars(names, values, ",.0f")


def times_figure(experiment: Experiment) -> "Figure":
    """Seconds of each start."""
    return single_bars(
        [m.contender for m in experiment.measurements], [m.median for m in experiment.measurements], ".2f"
    )


def single_bars(names: Sequence[str], values: Sequence[float], form: str) -> "Figure":
    """One bar a name."""
    from plotly.graph_objects import Figure

    figure = Figure()
    figure.add_bar(
        orientation="h",
        y=list(names),
        x=list(values),
        marker={"color": color(0)},
        text=[format(value, form) for value in values],
        textposition="outside",
        cliponaxis=False,
        hovertemplate=f"%{{y}}: %{{x:{form}}}<extra></extra>",
    )
    return finish_bars(figure, 2 * len(names), 1)


def finish_bars(figure: "Figure", groups: int, bars: int, mark: float | None = None) -> "Figure":
    """Groups from top to bottom in order; a line where everybody is as fast as the rival."""
    figure.update_layout(barmode="group", bargap=0.28, bargroupgap=0.08)
    figure.update_layout(xaxis=axis(None, rangemode="tozero"), yaxis=axis(None, autorange="reversed"))
    if mark is not None:
        figure.add_vline(x=mark, line={"color": "#9aa0a8", "width": 1, "dash": "dot"})
    dress(figure, max(180, 70 + int(groups * bars * BAR / 0.72)))
    return figure.update_layout(margin={"l": 8, "r": 48, "t": 8, "b": 36})


def scaling_figures(experiment: Experiment) -> list[tuple[str, "Figure"]]:
    """For every size that was varied: time and memory against it, both axes logarithmic, with the fitted growth."""
    found = []
    quantities: tuple[Quantity, ...] = ("seconds", "memory")
    for quantity in quantities:
        every = curves(experiment.measurements, quantity)
        for name, fixed in dict.fromkeys((c.axis, tuple(c.fixed.items())) for c in every):
            group = [c for c in every if (c.axis, tuple(c.fixed.items())) == (name, fixed)]
            varied = [c for c in every if c.axis == name]
            where = setting_note(fixed) if len({tuple(c.fixed.items()) for c in varied}) > 1 else ""
            what = "Time" if quantity == "seconds" else "Peak memory"
            found.append((f"{what} over {name}{where}", scaling_figure(group, UNITS[quantity])))
    return found


def setting_note(fixed: Sequence[tuple[str, int]]) -> str:
    """ ", threads 2"."""
    return "".join(f", {name} {value}" for name, value in fixed if name != "image size")


def scaling_figure(group: Sequence[Curve], unit: str) -> "Figure":
    """Points measured, lines fitted; the exponent in the label at the end of each."""
    from plotly.graph_objects import Figure

    figure = Figure()
    for curve in group:
        shade, mark = contender_color(curve.contender), symbol(0)
        quality = "" if curve.growth.r2 is None else f", R² {curve.growth.r2:.3f}"
        figure.add_scatter(
            x=list(curve.sizes),
            y=list(curve.values),
            mode="markers",
            marker={"color": shade, "size": 8, "symbol": mark},
            hovertemplate=f"{curve.contender}<br>{curve.axis} %{{x}}: %{{y:.4g}}<extra></extra>",
        )
        figure.add_scatter(
            x=list(curve.sizes),
            y=[curve.growth.at(n) for n in curve.sizes],
            mode="lines",
            line={"color": shade, "width": 2},
            hovertemplate=f"{curve.contender} grows as n^{curve.growth.b:.2f}{quality}<extra></extra>",
        )
    sizes = sorted({n for curve in group for n in curve.sizes})
    ticks = {"type": "log", "tickmode": "array", "tickvals": sizes, "ticktext": [f"{n:,}" for n in sizes]}
    figure.update_layout(xaxis=axis(group[0].axis, **ticks), yaxis=axis(unit, type="log", tickformat="~g"))
    for i, curve in enumerate(group):
        text = f"{curve.contender}: n<sup>{curve.growth.b:.2f}</sup>"
        if curve.growth.r2 is not None:
            text += f"  R² {curve.growth.r2:.3f}"
        figure.add_annotation(
            xref="paper",
            yref="paper",
            x=0.02,
            y=0.98 - 0.07 * i,
            xanchor="left",
            yanchor="top",
            text=text,
            showarrow=False,
            font={"color": contender_color(curve.contender), "size": 12},
        )
    return dress(figure, 340)
