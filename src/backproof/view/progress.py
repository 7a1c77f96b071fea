"""Training as it happens, in the terminal: a bar within the epoch, then one line for it."""

from time import monotonic
from typing import TYPE_CHECKING

from backproof.metrics import Measure, Metrics, measure
from backproof.tables.numbers import duration, written
from backproof.train.events import (
    AnomalyFound,
    EarlyStopMarked,
    EnginesCompared,
    EpochDone,
    EpochStarted,
    GradientsChecked,
    Interrupted,
    Observer,
    RunFinished,
    RunStarted,
    StepDone,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

REFRESH = 0.1
"""Seconds between two looks of the bar. It has no thread of its own, so that it takes no time from the training."""

HEADER = "    epoch  train cost  {0:>9}    dev cost  {0:>9}        time  samples/s  (* {1} dev {2} so far)"


class TerminalProgress(Observer):
    """Shows a run in the terminal. Where output goes to a pipe or a file there is no bar, only lines.

    Beside the cost it shows the metric that is followed, or else the task's first. A star marks the epochs of the best
    dev cost so far, or of what is followed instead.
    """

    def __init__(self, console: "Console | None" = None) -> None:
        """Write to `console`, or to standard output."""
        from backproof.view.terminal import standard_console

        self._console = console or standard_console()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._shown = 0.0
        self._epochs = 0
        self._batches = 0
        self._checks = self._compared = 0
        self._largest = 0.0

    def run_started(self, event: RunStarted) -> None:
        """Name the run and head the columns."""
        self._epochs, self._batches, self._checks = event.epochs, event.batches_per_epoch, 0
        self._compared = 0
        name = event.engine.name
        counts = f"{event.graph.parameter_count:,} parameters, {event.samples_per_epoch:,} samples an epoch"
        self._say(f"\n{event.name}", style="bold", end="")
        self._say(f"   {name}, {counts} in {event.batches_per_epoch:,} batches")
        for note in event.notes:
            self._say(f"note: {note}")
        if event.progress.step:
            self._say(f"goes on in epoch {event.progress.epoch}, after step {event.progress.step:,}")
        streaming = {metric.name: metric for metric in event.task.streaming}
        self._metric = streaming.get(event.follow) or next(iter(streaming.values()), measure("loss"))
        followed = measure(event.follow)
        best = "lowest" if followed.better == "lower" else "highest"
        self._say(HEADER.format(self._metric.title, best, followed.title), style="dim")

    def epoch_started(self, event: EpochStarted) -> None:
        """Begin a bar."""
        if not self._console.is_terminal:
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        label = TextColumn("{task.description}")
        figures = TextColumn("{task.fields[figures]}", style="dim")
        columns = (label, BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn(), figures)
        self._bar = Progress(*columns, console=self._console, transient=True, auto_refresh=False)
        self._bar.start()
        description = f"{event.epoch:>4}/{self._epochs}"
        self._task = self._bar.add_task(description, total=self._batches, completed=event.batch, figures="")
        self._shown = monotonic()

    def step_done(self, event: StepDone) -> None:
        """Move the bar, ten times a second at most."""
        if self._bar is None or self._task is None or (now := monotonic()) - self._shown < REFRESH:
            return
        self._shown = now
        means = event.progress.means()
        metric = self._metric
        figures = f"cost {written(means.cost, 'cost')}, {metric.title} {written(means[metric.name], metric.unit)}"
        self._bar.update(self._task, completed=event.progress.batch, figures=figures)
        self._bar.refresh()

    def epoch_done(self, event: EpochDone) -> None:
        """The epoch's line takes the place of the bar."""
        self._end_bar()
        record = event.record
        marks = " *" * event.best + "  early stop" * record.early_stop
        self._say(
            f"{record.epoch:>4}/{self._epochs:<4}  {self._pair(record.train)}  {self._pair(record.dev)}"
            f"  {duration(record.seconds):>10}  {record.samples_per_second:>9,.0f}{marks}"
        )

    def early_stop_marked(self, event: EarlyStopMarked) -> None:
        """Say what the mark means."""
        followed = measure(event.follow)
        self._say(
            f"early stopping marks epoch {event.epoch}: "
            f"no {followed.better} dev {followed.title} for {event.patience} epochs, since epoch {event.best_epoch}",
            style="yellow",
        )

    def anomaly_found(self, event: AnomalyFound) -> None:
        """Warn."""
        self._say(f"warning: {event.message}", style="yellow")

    def gradients_checked(self, event: GradientsChecked) -> None:
        """Count those that passed, warn of the others."""
        self._checks += event.passed
        if event.passed:
            self._largest = max(self._largest, event.error)
        if not event.passed:
            self._say(f"warning: {event.message}", style="yellow")

    def engines_compared(self, event: EnginesCompared) -> None:
        """Count those that agree, warn of the first that does not."""
        self._compared += event.passed
        if not event.passed:
            self._say(f"warning: {event.message}", style="yellow")

    def interrupted(self, event: Interrupted) -> None:
        """Say how far it got."""
        self._end_bar()
        self._say(f"interrupted in epoch {event.progress.epoch}, after step {event.progress.step:,}", style="yellow")

    def run_finished(self, event: RunFinished) -> None:
        """Say where the run is kept."""
        self._end_bar()
        if self._checks:
            self._say(f"gradient checks passed: {self._checks}, largest relative error {self._largest:.1e}")
        if self._compared:
            self._say(f"steps on which a second engine agrees: {self._compared}")
        self._say(f"{event.status} after {duration(event.seconds)}, kept in {event.folder}")
        if event.status == "interrupted":
            self._say(f"go on with: backproof train --resume {event.folder}")

    def close(self) -> None:
        """Take the bar away, so that whatever ends the run can use the terminal."""
        self._end_bar()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None

    def _say(self, text: str, *, style: str = "", end: str = "\n") -> None:
        self._console.print(text, style=style, end=end, markup=False, highlight=False, soft_wrap=True)

    def _pair(self, metrics: Metrics | None) -> str:
        """Cost and metric in the columns of `HEADER`."""
        shown: list[Measure] = [measure("cost"), self._metric]
        cost, metric = (written(metrics[m.name] if metrics else None, m.unit) for m in shown)
        return f"{cost:>10}  {metric:>9}"
