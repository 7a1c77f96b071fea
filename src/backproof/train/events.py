"""What happens in a run, as typed events, and the observers that are notified of it.

An observer changes nothing, so a run has the same weights, bit for bit, with any observers or none.
It may raise, which ends the run. `progress` and `trainer` are the loop's own, and go on after the event.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from backproof.data.batches import Batch
from backproof.engines.base import Direction, Engine, Mode, StepResult, Trainer
from backproof.graph import Arrays, Graph
from backproof.tasks import Task
from backproof.train.evaluation import Evaluation
from backproof.train.progress import EpochRecord, Progress

E = TypeVar("E", bound="Event")


class Event:
    """Something that happened. A subclass is all that a new event needs.

    Attributes:
        method: the name of the observers' method, from the name of the class: `epoch_done` for `EpochDone`.
    """

    __slots__ = ()
    method: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.method = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class Observer:
    """Base of those that follow a run: a method named after an event is called with it, whenever it happens.

        class Curve(Observer):
            def epoch_done(self, event: EpochDone) -> None:
                print(event.record.train.cost)

    An event without a method costs nothing. `step_starting` and `step_done` come with each step: be quick there.
    """


def listeners(observers: Iterable[Observer], event: type[E]) -> list[Callable[[E], None]]:
    """The methods for `event` of those observers that have one, in their order."""
    return [getattr(o, event.method) for o in observers if hasattr(o, event.method)]


def notify(observers: Iterable[Observer], event: Event) -> None:
    """Call the method for `event` of every observer that has one."""
    for observe in listeners(observers, type(event)):
        observe(event)


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """All is known to be good and the run's folder is there; training begins, or goes on.

    Attributes:
        name, folder: of the run.
        engine, graph, trainer: who computes, the network with its loss, and its weights.
        epochs: how many there will be in all.
        batches_per_epoch, samples_per_epoch: clones counted.
        progress: where it begins: `epoch` is the first one to come, from 1.
        task: what the targets ask of the network.
        follow: the measure by which the best epoch is chosen.
        classes: class names.
        notes: what the user should know of the data, one sentence each.
    """

    name: str
    folder: Path
    engine: Engine
    graph: Graph
    trainer: Trainer
    epochs: int
    batches_per_epoch: int
    samples_per_epoch: int
    progress: Progress
    task: Task
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    follow: str = "cost"


@dataclass(frozen=True, slots=True)
class EpochStarted(Event):
    """An epoch, counted from 1, begins; `batch` of its batches are done already if the run was resumed in it."""

    epoch: int
    batch: int


@dataclass(frozen=True, slots=True)
class StepStarting(Event):
    """A training step is about to be taken with these inputs. `progress.step` steps have been taken."""

    progress: Progress
    batch: Batch
    inputs: Arrays
    mode: Mode
    trainer: Trainer


@dataclass(frozen=True, slots=True)
class StepDone(Event):
    """A training step has been taken and counted in `progress`.

    The batch is valid until the next step, and the result's output until the trainer's next pass.
    """

    progress: Progress
    batch: Batch
    result: StepResult


@dataclass(frozen=True, slots=True)
class EpochDone(Event):
    """An epoch has ended. `progress` stands at the beginning of the next one.

    Attributes:
        record: the epoch's figures.
        dev: what was measured on the dev partition, if it was.
        best: whether this epoch has the best dev value so far, of the cost or of what is followed instead.
    """

    record: EpochRecord
    dev: Evaluation | None
    best: bool
    progress: Progress
    trainer: Trainer


@dataclass(frozen=True, slots=True)
class EarlyStopMarked(Event):
    """Comes after `EpochDone`: what is followed of dev had not improved for `patience` epochs, since `best_epoch`."""

    epoch: int
    best_epoch: int
    patience: int
    follow: str = "cost"


@dataclass(frozen=True, slots=True)
class AnomalyFound(Event):
    """The first NaN or infinity, once a run at most. `node` is empty if only the cost was looked at."""

    epoch: int
    step: int
    node: str
    direction: Direction
    message: str


@dataclass(frozen=True, slots=True)
class GradientsChecked(Event):
    """Analytical and numerical gradients were compared before `step`; `error` is the largest relative one."""

    epoch: int
    step: int
    passed: bool
    error: float
    message: str


@dataclass(frozen=True, slots=True)
class EnginesCompared(Event):
    """A second engine has taken `step` too, from the same state on the same bytes."""

    epoch: int
    step: int
    passed: bool
    message: str


@dataclass(frozen=True, slots=True)
class Interrupted(Event):
    """The user asked to stop; `progress` stands after the last completed step."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """The run is over and kept; the last event. `status`: finished or interrupted."""

    name: str
    folder: Path
    status: str
    seconds: float
