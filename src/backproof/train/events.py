"""What happens in a run, as typed events, and the observers that are told of it.

An observer looks on: it changes nothing, so a run has the same weights, bit for bit, with any observers or none.
It may raise, which ends the run. `progress` and `session` are the loop's own, and go on after the event.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backproof.data.batches import Batch
from backproof.engines.base import Direction, Engine, Mode, Session, StepResult
from backproof.graph import Arrays, Graph
from backproof.train.metrics import Evaluation
from backproof.train.progress import EpochRecord, Progress


@dataclass(frozen=True, slots=True)
class RunStarted:
    """All is known to be good and the run's folder is there; training begins, or goes on.

    Attributes:
        name, folder: of the run.
        engine, graph, session: who computes, the network with its loss, and its weights.
        epochs: how many there will be in all.
        batches_per_epoch, samples_per_epoch: clones counted.
        progress: where it begins: `epoch` is the first one to come, from 1.
        classes: class names.
        notes: what the user should know of the data, one sentence each.
    """

    name: str
    folder: Path
    engine: Engine
    graph: Graph
    session: Session
    epochs: int
    batches_per_epoch: int
    samples_per_epoch: int
    progress: Progress
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EpochStarted:
    """An epoch, counted from 1, begins; `batch` of its batches are done already if the run was resumed in it."""

    epoch: int
    batch: int


@dataclass(frozen=True, slots=True)
class StepStarting:
    """A training step is about to be taken with these inputs. `progress.step` steps have been taken."""

    progress: Progress
    batch: Batch
    inputs: Arrays
    mode: Mode
    session: Session


@dataclass(frozen=True, slots=True)
class StepDone:
    """A training step has been taken and counted in `progress`.

    The batch is lent until the next step, and the result's output until the session's next pass.
    """

    progress: Progress
    batch: Batch
    result: StepResult


@dataclass(frozen=True, slots=True)
class EpochDone:
    """An epoch has ended. `progress` stands at the beginning of the next one.

    Attributes:
        record: the epoch's figures.
        dev: what was measured on the dev partition, if it was.
        best: whether this epoch has the lowest dev cost so far.
    """

    record: EpochRecord
    dev: Evaluation | None
    best: bool
    progress: Progress
    session: Session


@dataclass(frozen=True, slots=True)
class EarlyStopMarked:
    """At the end of `epoch` the dev cost had not improved for `patience` epochs, since `best_epoch`."""

    epoch: int
    best_epoch: int
    patience: int


@dataclass(frozen=True, slots=True)
class HealthProblem:
    """The first NaN or infinity. `node` is empty if only the cost was looked at."""

    epoch: int
    step: int
    node: str
    direction: Direction
    message: str


@dataclass(frozen=True, slots=True)
class GradientsChecked:
    """Analytical and numerical gradients were compared before `step`."""

    epoch: int
    step: int
    passed: bool
    message: str


@dataclass(frozen=True, slots=True)
class EnginesCompared:
    """A second engine has taken `step` too, from the same state on the same bytes."""

    epoch: int
    step: int
    passed: bool
    message: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The user asked to stop; `progress` stands after the last completed step."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over and kept. `status`: finished or interrupted."""

    name: str
    folder: Path
    status: str
    seconds: float


Event = (
    RunStarted
    | EpochStarted
    | StepStarting
    | StepDone
    | EpochDone
    | EarlyStopMarked
    | HealthProblem
    | GradientsChecked
    | EnginesCompared
    | Interrupted
    | RunFinished
)


class Observer:
    """Override what you want to be told of. What is not overridden costs nothing."""

    def run_started(self, event: RunStarted) -> None:
        """Before the first step."""

    def epoch_started(self, event: EpochStarted) -> None:
        """Before an epoch's first step, or the first after a resume."""

    def step_starting(self, event: StepStarting) -> None:
        """Before each step."""

    def step_done(self, event: StepDone) -> None:
        """After each step: be quick."""

    def epoch_done(self, event: EpochDone) -> None:
        """After each epoch."""

    def early_stop_marked(self, event: EarlyStopMarked) -> None:
        """Once, after the `epoch_done` of the epoch marked."""

    def health_problem(self, event: HealthProblem) -> None:
        """Once a run at most."""

    def gradients_checked(self, event: GradientsChecked) -> None:
        """After each gradient check."""

    def engines_compared(self, event: EnginesCompared) -> None:
        """After each comparison with a second engine."""

    def interrupted(self, event: Interrupted) -> None:
        """After the last completed step."""

    def run_finished(self, event: RunFinished) -> None:
        """Last of all."""


METHODS: dict[type, str] = {
    RunStarted: "run_started",
    EpochStarted: "epoch_started",
    StepStarting: "step_starting",
    StepDone: "step_done",
    EpochDone: "epoch_done",
    EarlyStopMarked: "early_stop_marked",
    HealthProblem: "health_problem",
    GradientsChecked: "gradients_checked",
    EnginesCompared: "engines_compared",
    Interrupted: "interrupted",
    RunFinished: "run_finished",
}
"""The observers' method of each event."""


def listeners(observers: Iterable[Observer], event: type) -> list[Callable[[Any], None]]:
    """The methods for `event` of those observers that override it, in their order."""
    method = METHODS[event]
    return [getattr(o, method) for o in observers if getattr(type(o), method) is not getattr(Observer, method)]


def tell(observers: Iterable[Observer], event: Event) -> None:
    """Tell all observers."""
    for observer in observers:
        getattr(observer, METHODS[type(event)])(event)
