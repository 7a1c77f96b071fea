"""The training loop."""

from collections.abc import Sequence
from math import isfinite
from time import perf_counter

import numpy as np

from backproof.data.batches import Batches
from backproof.data.partitions import Partition
from backproof.engines.base import Mode, Trainer, Watch
from backproof.errors import named
from backproof.metrics import measure
from backproof.optim import Optimizer
from backproof.tasks import Task
from backproof.train.evaluation import Evaluation, counted, evaluate, inputs
from backproof.train.events import (
    AnomalyFound,
    EarlyStopMarked,
    EpochDone,
    EpochStarted,
    Interrupted,
    Observer,
    StepDone,
    StepStarting,
    listeners,
    notify,
)
from backproof.train.interruption import Interruption
from backproof.train.progress import EpochRecord, Progress


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a cost that is not finite is reported once
def fit(
    trainer: Trainer,
    optimizer: Optimizer,
    batches: Batches,
    progress: Progress,
    *,
    task: Task,
    epochs: int,
    seed: int = 0,
    dev: Partition | None = None,
    follow: str = "cost",
    early_stopping: int = 0,
    stop_early: bool = False,
    watch: Watch | None = None,
    observers: Sequence[Observer] = (),
    interruption: Interruption | None = None,
) -> bool:
    """Train `trainer` from where `progress` stands to the end of the last of `epochs`; False if interrupted.

    `progress` is moved along, and stands after the last completed step whenever this returns.

    Args:
        task: whose metrics are measured.
        seed: of dropout.
        dev: measured after each epoch, in evaluation mode.
        follow: the measure by which the best epoch is chosen.
        early_stopping: mark the epoch at whose end that measure of dev has not improved for so many epochs; 0 for off.
        stop_early: end at that mark.
        watch: called with every node's values; see `backproof.runs.checks.anomaly`.
        observers: notified of every event; they change nothing.
        interruption: its flag, once raised, ends the training after the step under way.
    """
    while progress.epoch <= epochs and not progress.stopped:
        notify(observers, EpochStarted(progress.epoch, progress.batch))
        if not _train_epoch(trainer, optimizer, batches, progress, task, seed, watch, observers, interruption):
            notify(observers, Interrupted(progress))
            return False
        _end_epoch(trainer, optimizer, progress, task, dev, follow, early_stopping, stop_early, observers)
    return True


def _train_epoch(
    trainer: Trainer,
    optimizer: Optimizer,
    batches: Batches,
    progress: Progress,
    task: Task,
    seed: int,
    watch: Watch | None,
    observers: Sequence[Observer],
    interruption: Interruption | None,
) -> bool:
    """The rest of the epoch under way. False if it was interrupted."""
    starting = listeners(observers, StepStarting)
    done = listeners(observers, StepDone)
    before = perf_counter()
    for batch in batches.epoch(progress.epoch, first_batch=progress.batch):
        if interruption is not None and interruption.requested:
            return False
        feed = inputs(trainer.graph, batch)
        mode = Mode(True, seed, progress.step)
        for observe_start in starting:
            observe_start(StepStarting(progress, batch, feed, mode, trainer))

        result = trainer.train_step(feed, optimizer, mode, watch)

        prediction = task.prediction(result.output, trainer.graph)
        progress.count(result, task.streaming, prediction, batch.y, counted(trainer.graph, batch))
        now = perf_counter()
        progress.training_seconds += now - before
        if progress.finite and not isfinite(progress.cost):
            progress.finite = False
            if watch is None:
                _warn_of_cost(progress, observers)
        for observe_done in done:
            observe_done(StepDone(progress, batch, result))
        before = perf_counter()
    return True


def _end_epoch(
    trainer: Trainer,
    optimizer: Optimizer,
    progress: Progress,
    task: Task,
    dev: Partition | None,
    follow: str,
    early_stopping: int,
    stop_early: bool,
    observers: Sequence[Observer],
) -> None:
    """Measure, mark the early stop, notify, and turn to the next epoch."""
    epoch = progress.epoch
    start = perf_counter()
    evaluation = evaluate(trainer, dev, optimizer, task) if dev is not None else None
    seconds = progress.training_seconds + perf_counter() - start
    best = evaluation is not None and _improves(progress, follow, evaluation)
    mark = (
        early_stopping > 0
        and evaluation is not None
        and progress.early_stop_epoch is None
        and epoch - (progress.best_epoch or 0) >= early_stopping
    )
    if mark:
        progress.early_stop_epoch = epoch
        progress.stopped = stop_early
    record = EpochRecord(
        epoch=epoch,
        step=progress.step,
        train=progress.means(),
        dev=evaluation.metrics if evaluation is not None else None,
        learning_rate=optimizer.rate(progress.step - 1),
        seconds=seconds,
        samples_per_second=progress.samples / progress.training_seconds,
        early_stop=mark,
    )
    progress.seconds += seconds
    progress.next_epoch()
    notify(observers, EpochDone(record, evaluation, best, progress, trainer))
    if mark:
        notify(observers, EarlyStopMarked(epoch, progress.best_epoch or 0, early_stopping, follow))


def _improves(progress: Progress, follow: str, evaluation: Evaluation) -> bool:
    """Whether what is followed is better than ever; if so it is noted."""
    value = evaluation.metrics[follow]
    if not measure(follow).improves(value, progress.best_value):
        return False
    progress.best_value, progress.best_epoch = value, progress.epoch
    return True


def _warn_of_cost(progress: Progress, observers: Sequence[Observer]) -> None:
    message = named(
        "epoch {}, step {}: the cost is no longer finite; a smaller learning rate may help, and {anomaly_checks:error} "
        "finds the node where it began",
        *(progress.epoch, progress.step),
    )
    notify(observers, AnomalyFound(progress.epoch, progress.step, "", "forward", message))
