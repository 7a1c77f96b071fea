"""Curves of all runs in one figure: over epochs, steps and time."""

from collections.abc import Callable, Sequence
from itertools import accumulate, combinations
from typing import TYPE_CHECKING, Any

from backproof.compare import same_but_engine
from backproof.metrics import Measure, Metrics
from backproof.plots.theme import axis, color, symbol, themed
from backproof.runs.store import RunSnapshot
from backproof.train.progress import EpochRecord

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HEIGHT = 380


def learning(runs: Sequence[RunSnapshot], measure: Measure) -> "Figure":
    """A measure over the epochs: train dotted, dev solid, a ring where early stopping marks the epoch."""
    figure = empty()
    below = hidden_below(runs)
    for place, run in enumerate(runs):
        for partition in ("train", "dev"):
            seen = [
                (e.epoch, value) for e in run.epochs if (value := value_of(getattr(e, partition), measure)) is not None
            ]
            add_curve(
                figure, place, f"{run.name} {partition}", *columns(seen),
                dash="dot" if partition == "train" else "solid", wide=place in below and partition == "dev",
            )  # fmt: skip
        marked = [(e.epoch, v) for e in run.epochs if e.early_stop and (v := value_of(e.dev, measure)) is not None]
        if marked:
            x, y = columns(marked)
            figure.add_scatter(
                x=x,
                y=y,
                mode="markers",
                marker={"symbol": "circle-open", "size": 14, "color": color(place), "line": {"width": 2}},
                name=f"{run.name} early stop",
                meta={"run": place},
                hoverinfo="skip",
            )
    return finish(figure, runs, "epoch", form(measure))


def over_time(runs: Sequence[RunSnapshot], measure: Measure) -> "Figure":
    """A measure against the seconds that it took: of dev samples, or of train samples where dev is not measured."""
    figure = empty()
    for place, run in enumerate(runs):
        seconds = accumulate(epoch.seconds for epoch in run.epochs)
        values = [value_of(epoch.dev or epoch.train, measure) for epoch in run.epochs]
        seen = [(x, y) for x, y in zip(seconds, values, strict=True) if y is not None]
        add_curve(figure, place, run.name, *columns(seen))
    return finish(figure, runs, "seconds of training", form(measure), whole=False)


def over_steps(runs: Sequence[RunSnapshot], measure: Measure) -> "Figure":
    """A measure of the training steps, as means over a fraction of a second."""
    figure = empty()
    for place, run in enumerate(runs):
        seen = [(step.step, value) for step in run.steps if (value := value_of(step.train, measure)) is not None]
        add_curve(figure, place, run.name, *columns(seen))
    return finish(figure, runs, "step", form(measure))


def by_epoch(runs: Sequence[RunSnapshot], value: Callable[[EpochRecord], float], form: dict[str, Any]) -> "Figure":
    """One number an epoch."""
    figure = empty()
    for place, run in enumerate(runs):
        add_curve(figure, place, run.name, *columns([(epoch.epoch, value(epoch)) for epoch in run.epochs]))
    return finish(figure, runs, "epoch", form)


def throughput(runs: Sequence[RunSnapshot]) -> "Figure":
    """Training samples a second, epoch by epoch."""
    return by_epoch(runs, lambda epoch: epoch.samples_per_second, {"rangemode": "tozero", "hoverformat": ",.0f"})


def learning_rate(runs: Sequence[RunSnapshot]) -> "Figure":
    """The learning rate of each epoch's last step."""
    return by_epoch(runs, lambda epoch: epoch.learning_rate, {"hoverformat": ".3g"})


def value_of(metrics: Metrics | None, measure: Measure) -> float | None:
    """The measure's value, if it was measured."""
    return metrics.get(measure.name) if metrics is not None else None


def form(measure: Measure) -> dict[str, str]:
    """How an axis writes the measure's values."""
    return {"tickformat": ".4~%", "hoverformat": ".2%"} if measure.unit == "fraction" else {"hoverformat": ".4~g"}


def columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """All x, and all y."""
    return [x for x, _ in points], [y for _, y in points]


def hidden_below(runs: Sequence[RunSnapshot]) -> set[int]:
    """Runs that a later one repeats on another engine: their curves would be hidden below its curves if not wider."""
    pairs = combinations(range(len(runs)), 2)
    return {a for a, b in pairs if same_but_engine(runs[a], runs[b]) and len(runs[a].epochs) > 1}


def empty() -> "Figure":
    """A figure without curves."""
    from plotly.graph_objects import Figure

    return Figure()


def add_curve(
    figure: "Figure",
    run: int,
    name: str,
    x: Sequence[float],
    y: Sequence[float],
    dash: str = "solid",
    *,
    wide: bool = False,
) -> None:
    """A line in the run's colour, with marks at the points as long as they are few, or wide and pale."""
    marks = len(x) <= 40 and not wide and (dash == "solid" or len(x) == 1)
    width = 2 if dash == "solid" else 1.5
    figure.add_scatter(
        x=list(x),
        y=list(y),
        mode="lines+markers" if marks else "lines",
        line={"color": color(run), "width": 6 if wide else width, "dash": dash},
        marker={"symbol": symbol(run), "size": 5},
        opacity=0.45 if wide else 1 if dash == "solid" else 0.75,
        name=name,
        meta={"run": run},
    )


def finish(
    figure: "Figure", runs: Sequence[RunSnapshot], x: str, form: dict[str, Any], *, whole: bool = True
) -> "Figure":
    """Axes; one label for all curves under the pointer if they are few."""
    longest = max((max(trace.x) - min(trace.x) for trace in figure.data if trace.x), default=0)
    ticks = {"ticksuffix": " s"} if not whole else {"dtick": 1} if longest <= 12 else {"tickformat": ",d"}
    figure.update_layout(xaxis=axis(x, **ticks), yaxis=axis(None, **form))
    return themed(figure, HEIGHT, hovermode="x unified" if len(runs) <= 4 and whole else "closest")
