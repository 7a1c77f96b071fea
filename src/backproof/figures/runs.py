"""All figures of runs, by title: those that compare them, and those of one run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from backproof.figures import curves
from backproof.figures.profile import node_times
from backproof.graph import Array
from backproof.metrics import Measure
from backproof.metrics.metric import measure_or_plain
from backproof.runs.store import RunSnapshot
from backproof.tasks import task_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LOG = {"log": True}
"""In the `meta` of a figure's layout: a logarithmic y axis makes sense."""


def figures(runs: Sequence[RunSnapshot]) -> dict[str, "Figure"]:
    """The curves of all runs together, by title: each measure over epochs, then what it took. {} before an epoch."""
    known = measures(runs)
    if not known:
        return {}
    found = {title(m): scaled(curves.learning(runs, m), m) for m in known if m.name != "loss"}
    main = known[0] if len(known) < 3 else known[2]
    whose = "Dev" if all(epoch.dev for run in runs for epoch in run.epochs) else "Dev or train"
    found[f"{whose} {main.title} over time"] = scaled(curves.over_time(runs, main), main)
    if any(len(run.steps) > len(run.epochs) + 1 for run in runs):
        for measure in dict.fromkeys((known[0], main)):
            found[f"Train {measure.title} within epochs"] = scaled(curves.over_steps(runs, measure), measure)
    found["Samples a second"] = curves.throughput(runs)
    if any(len({epoch.learning_rate for epoch in run.epochs}) > 1 for run in runs):
        found["Learning rate"] = curves.learning_rate(runs).update_layout(meta=LOG)
    return found


def scaled(figure: "Figure", measure: Measure) -> "Figure":
    """The curves of `measure`, marked if a logarithmic axis makes sense: costs fall by orders of magnitude."""
    return figure.update_layout(meta=LOG) if measure.name == "cost" else figure


def run_figures(run: RunSnapshot) -> dict[str, "Figure"]:
    """Those of one run: what its task shows of the evaluated samples, and the time of each node if it was profiled."""
    found: dict[str, Figure] = {}
    whose, arrays = evaluated(run)
    for name, figure in task_of(run.dataset.targets).figures(arrays).items():
        found[f"{name}, {whose}"] = figure
    if run.node_times is not None:
        found["Time of each node"] = node_times(run.node_times)
    return found


def evaluated(run: RunSnapshot) -> tuple[str, Mapping[str, Array]]:
    """Whose samples, and what the task kept of them: test samples, or dev samples of the last epoch that has any."""
    if final := run.final():
        return "test samples", final
    for epoch in reversed(run.kept):
        arrays = run.arrays(epoch)
        if kept := {name.removesuffix("_dev"): array for name, array in arrays.items() if name.endswith("_dev")}:
            return f"dev samples of epoch {epoch}", kept
    return "", {}


def measures(runs: Sequence[RunSnapshot]) -> list[Measure]:
    """Cost, loss and the metrics that the runs' epochs have."""
    names = dict.fromkeys(name for run in runs for epoch in run.epochs for name in (*epoch.train, *(epoch.dev or ())))
    return [measure_or_plain(name) for name in names]


def title(measure: Measure) -> str:
    """The measure's, as the title of a figure."""
    return measure.title[:1].upper() + measure.title[1:]
