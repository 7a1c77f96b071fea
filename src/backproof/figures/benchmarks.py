"""Figures of benchmarks: bars against the baseline, and curves over sizes with the fitted growth."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Literal

from backproof.bench import Experiment, Measurement, curves
from backproof.bench.growth import Curve, Quantity
from backproof.bench.measurement import contenders
from backproof.bench.tables import varying
from backproof.plots.theme import axis, color, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BAR = 17
"""Pixels of height a bar."""

UNITS = {"seconds": "seconds", "memory": "peak memory, MB"}

SHADES = {
    "numpy": 0,
    "numba": 4,
    "torch": 2,
    "reference": 7,
    "pytorch": 1,
    "pytorch-tuned": 5,
    "scikit-learn": 3,
    "jax": 6,
    "jax-scan": 7,
    "onnxruntime": 3,
    "pytorch-compiled": 7,
}
"""Colours by contender, the same in every figure: ours blue, PyTorch's warm."""


def contender_color(name: str) -> str:
    """The contender's colour; that of `numpy` for what is no contender."""
    return color(SHADES.get(name, 0))


def ratios_figure(experiment: Experiment, quantity: Quantity) -> "Figure":
    """A bar for each contender and setting: its median, or peak memory, over the baseline's; whiskers are quartiles."""
    names = varying(experiment.measurements)
    bars = []
    for contender in contenders(experiment.measurements):
        own = [m for m in experiment.measurements if m.contender == contender]
        baselines = [baseline for m in own if (baseline := experiment.baseline(m)) is not None]
        labels = [setting_label(m, names) for m in own]
        if quantity == "memory":
            values = [
                (m.peak_memory_mb or 0.0) / (r.peak_memory_mb or 1.0) for m, r in zip(own, baselines, strict=True)
            ]
            bars.append(Bars(contender, labels, values))
            continue
        bars.append(
            Bars(
                contender,
                labels,
                [m.median / r.median for m, r in zip(own, baselines, strict=True)],
                [(m.median - m.quartiles[0]) / r.median for m, r in zip(own, baselines, strict=True)],
                [(m.quartiles[1] - m.median) / r.median for m, r in zip(own, baselines, strict=True)],
            )
        )
    return bars_figure(bars, ",.2f", mark=True)


@dataclass(frozen=True)
class Bars:
    """One contender's bars: labels, values, and how far the quartiles are below and above."""

    name: str
    labels: Sequence[str]
    values: Sequence[float]
    below: Sequence[float] = ()
    above: Sequence[float] = ()


def bars_figure(every: Sequence[Bars], form: str, *, mark: bool = False) -> "Figure":
    """Groups of bars from top to bottom; with `mark`, a line where everybody is as fast as the baseline."""
    from plotly.graph_objects import Figure

    figure = Figure()
    longest = max(value for bars in every for value in bars.values)
    for bars in every:
        inside = [value > 0.2 * longest for value in bars.values]
        whiskers = {"type": "data", "array": bars.above, "arrayminus": bars.below, "thickness": 1, "width": 2}
        figure.add_bar(
            orientation="h",
            y=bars.labels,
            x=bars.values,
            name=bars.name,
            marker={"color": contender_color(bars.name)},
            text=[format(value, form) for value in bars.values],
            textposition=["inside" if within else "outside" for within in inside],
            textfont={"color": ["#ffffff" if within else "#8a9098" for within in inside], "size": 12},
            insidetextanchor="start",
            constraintext="none",
            cliponaxis=False,
            error_x={**whiskers, "color": "#8a9098"} if bars.above else None,
            hovertemplate=f"{bars.name}<br>%{{y}}: %{{x:{form}}}<extra></extra>",
        )
    figure.update_layout(barmode="group", bargap=0.28, bargroupgap=0.08)
    figure.update_layout(xaxis=axis(None, rangemode="tozero"), yaxis=axis(None, autorange="reversed", showgrid=False))
    if mark:
        figure.add_vline(x=1.0, line={"color": "#8a9098", "width": 1, "dash": "dot"})
    count = len({label for bars in every for label in bars.labels}) * len(every)
    themed(figure, 80 + int(count * BAR / 0.72))
    return figure.update_layout(margin={"l": 8, "r": 48, "t": 8, "b": 36})


def setting_label(m: Measurement, names: Sequence[str]) -> str:
    """ "1 thread, batch size 64"."""
    threads = m.settings.get("threads")
    said = [f"{threads} thread{'s' * (threads != 1)}"] if threads else []
    return ", ".join(
        said + [f"{name} {m.settings[name]}" for name in names if name != "threads" and name in m.settings]
    )


def operations_figure(experiment: Experiment, what: Literal["ratio", "share"]) -> "Figure":
    """A bar for each shape and contender, forward and backward together."""
    whole = [m for m in experiment.measurements if m.part == "all"]
    bars = []
    for contender in contenders(whole):
        own = [m for m in whole if m.contender == contender]
        values = [share(experiment, m) if what == "share" else experiment.ratio(m) or 0.0 for m in own]
        bars.append(Bars(contender, [subject_label(m) for m in own], values))
    figure = bars_figure(bars, ".0%" if what == "share" else ",.2f", mark=True)
    if what == "share":
        return figure.update_xaxes(tickformat=".0%")
    if max(value for one in bars for value in one.values) > 20:  # beside plain loops all others would vanish
        figure.update_xaxes(type="log", dtick=1)
        figure.update_traces(textposition="outside", textfont={"color": "#8a9098"})
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
    own = experiment.measurements
    return bars_figure([Bars("", [m.contender for m in own], [m.samples / m.median for m in own])], ",.0f")


def times_figure(experiment: Experiment) -> "Figure":
    """Seconds of each start."""
    own = experiment.measurements
    return bars_figure([Bars("", [m.contender for m in own], [m.median for m in own])], ".2f")


@dataclass(frozen=True)
class Scaling:
    """Curves of all contenders over one size."""

    title: str
    figure: "Figure"
    curves: Sequence[Curve]


def scaling_figures(experiment: Experiment) -> list[Scaling]:
    """For every size that was varied: time and memory against it, both axes logarithmic, with the fitted growth."""
    found = []
    quantities: tuple[Quantity, ...] = ("seconds", "memory")
    every = {quantity: curves(experiment.measurements, quantity) for quantity in quantities}
    for name, fixed in dict.fromkeys((c.axis, tuple(c.fixed.items())) for c in every["seconds"]):
        alone = len({tuple(c.fixed.items()) for c in every["seconds"] if c.axis == name}) == 1
        where = "" if alone else "".join(f", {setting} {value}" for setting, value in fixed if setting != "image size")
        for quantity, title in zip(quantities, ("Time", "Peak memory"), strict=True):
            group = [c for c in every[quantity] if (c.axis, tuple(c.fixed.items())) == (name, fixed)]
            found.append(Scaling(f"{title} over {name}{where}", scaling_figure(group, UNITS[quantity]), group))
    return found


def scaling_figure(group: Sequence[Curve], unit: str) -> "Figure":
    """Points measured, lines fitted."""
    from plotly.graph_objects import Figure

    figure = Figure()
    for curve in group:
        shade = contender_color(curve.contender)
        figure.add_scatter(
            x=curve.sizes,
            y=curve.values,
            mode="markers",
            marker={"color": shade, "size": 8},
            hovertemplate=f"{curve.contender}<br>{curve.axis} %{{x}}: %{{y:.4g}}<extra></extra>",
        )
        figure.add_scatter(
            x=curve.sizes,
            y=[curve.growth.at(n) for n in curve.sizes],
            mode="lines",
            line={"color": shade, "width": 2},
            hoverinfo="skip",
        )
    sizes = sorted({n for curve in group for n in curve.sizes})
    ticks = {"type": "log", "tickmode": "array", "tickvals": sizes, "ticktext": [f"{n:,}" for n in sizes]}
    low, high = min(min(c.values) for c in group) / 1.5, max(max(c.values) for c in group) * 1.5
    heights = round_values(low, high)
    levels = {
        "range": (log10(low), log10(high)),
        "type": "log",
        "tickmode": "array",
        "tickvals": heights,
        "ticktext": [f"{v:,g}" for v in heights],
    }
    figure.update_layout(xaxis=axis(group[0].axis, **ticks), yaxis=axis(unit, **levels))
    return themed(figure, 300)


def round_values(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten from below `low` to above `high`."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    return [step * 10.0**power for power in powers for step in (1, 2, 5)]
