"""Curves over the epochs, all runs in one figure."""

from collections.abc import Callable, Sequence
from itertools import accumulate, combinations
from typing import TYPE_CHECKING, Any, Literal

from backproof.compare import same_but_engine
from backproof.plots.theme import axis, color, symbol, themed
from backproof.runs.store import Run

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from backproof.train.progress import EpochRecord

HEIGHT = 380

Measure = Literal["cost", "accuracy"]


def learning(runs: Sequence[Run], measure: Measure) -> "Figure":
    """Cost or accuracy over the epochs: train dashed, dev solid, a ring where early stopping marks the epoch."""
    figure = empty()
    below = shadowed(runs)
    for place, run in enumerate(runs):
        epochs = run.epochs()
        for partition in ("train", "dev"):
            seen = [(e, getattr(e, partition)) for e in epochs if getattr(e, partition) is not None]
            add_curve(
                figure,
                place,
                f"{run.name} {partition}",
                [e.epoch for e, _ in seen],
                [getattr(figures, measure) for _, figures in seen],
                dash="dot" if partition == "train" else "solid",
                wide=place in below and partition == "dev",
            )
        marked = [(e.epoch, getattr(e.dev, measure)) for e in epochs if e.early_stop and e.dev is not None]
        if marked:
            figure.add_scatter(
                x=[epoch for epoch, _ in marked],
                y=[value for _, value in marked],
                mode="markers",
                marker={"symbol": "circle-open", "size": 14, "color": color(place), "line": {"width": 2}},
                name=f"{run.name} early stop",
                meta={"run": place},
                hoverinfo="skip",
            )
    form = {"tickformat": ".4~%", "hoverformat": ".2%"} if measure == "accuracy" else {"hoverformat": ".4f"}
    return finish(figure, runs, "epoch", form)


def over_time(runs: Sequence[Run]) -> "Figure":
    """Accuracy against the seconds that it took: of the dev samples, or of the train samples if dev is not measured."""
    figure = empty()
    for place, run in enumerate(runs):
        epochs = run.epochs()
        values = [(e.dev or e.train).accuracy for e in epochs]
        add_curve(figure, place, run.name, list(accumulate(e.seconds for e in epochs)), values)
    form = {"tickformat": ".4~%", "hoverformat": ".2%"}
    return finish(figure, runs, "seconds of training", form, whole=False)


def throughput(runs: Sequence[Run]) -> "Figure":
    """Training samples a second, epoch by epoch."""
    form = {"rangemode": "tozero", "hoverformat": ",.0f"}
    return by_epoch(runs, lambda epoch: epoch.samples_per_second, form)


def learning_rate(runs: Sequence[Run]) -> "Figure":
    """The learning rate of each epoch's last step."""
    return by_epoch(runs, lambda epoch: epoch.learning_rate, {"hoverformat": ".3g"})


def by_epoch(runs: Sequence[Run], value: "Callable[[EpochRecord], float]", form: dict[str, Any]) -> "Figure":
    """One number an epoch."""
    figure = empty()
    for place, run in enumerate(runs):
        epochs = run.epochs()
        add_curve(figure, place, run.name, [e.epoch for e in epochs], [value(e) for e in epochs])
    return finish(figure, runs, "epoch", form)


def shadowed(runs: Sequence[Run]) -> set[int]:
    """Runs that a later one repeats on another engine: their curves would be hidden below its curves if not wider."""
    pairs = combinations(range(len(runs)), 2)
    return {a for a, b in pairs if same_but_engine(runs[a], runs[b]) and len(runs[a].epochs()) > 1}


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


def finish(figure: "Figure", runs: Sequence[Run], x: str, form: dict[str, Any], *, whole: bool = True) -> "Figure":
    """Axes; one label for all curves under the pointer if they are few."""
    longest = max((len(run.epochs()) for run in runs), default=0)
    ticks = {"dtick": 1} if whole and longest <= 12 else {"tickformat": ",d"} if whole else {"ticksuffix": " s"}
    figure.update_layout(xaxis=axis(x, **ticks), yaxis=axis(None, **form))
    return themed(figure, HEIGHT, hovermode="x unified" if len(runs) <= 4 and whole else "closest")
