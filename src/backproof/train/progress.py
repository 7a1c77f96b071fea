"""Where a training stands, and what it measured epoch by epoch."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np

from backproof.engines.base import StepResult
from backproof.graph import Array
from backproof.metrics import Metric, Metrics, add
from backproof.metrics import values as metric_values


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch, as a line of metrics.jsonl keeps it.

    Attributes:
        epoch: from 1.
        step: steps taken up to its end, from the beginning of the run.
        train: running means over the epoch's minibatches, in training mode, weighted by their sizes.
        dev: the dev partition at the epoch's end, in evaluation mode; None if not measured.
        learning_rate: of the epoch's last step.
        seconds: wall time of training steps and dev evaluation together.
        samples_per_second: training samples over the wall time of the training steps.
        early_stop: whether early stopping marks this epoch.
    """

    epoch: int
    step: int
    train: Metrics
    dev: Metrics | None
    learning_rate: float
    seconds: float
    samples_per_second: float
    early_stop: bool = False


@dataclass(eq=False)
class Progress:
    """All that the loop must remember, besides weights and optimizer state, to go on exactly.

    Randomness needs no memory: every draw depends on seeds, epoch and step alone.

    Attributes:
        epoch: the epoch under way, from 1; when all is done, one more than there are.
        batch: batches done in it.
        step: steps done in all.
        cost, loss: sums over the samples of this epoch so far.
        samples: how many they are.
        counted: how much they count in the means of cost and loss: as many, or the sum of their weights.
        totals: the sums of each metric over the same, as `backproof.metrics.add` keeps them.
        finite: whether every cost so far was a number.
        training_seconds: wall time of this epoch's steps so far.
        seconds: wall time of all epochs that are done.
        best_epoch, best_value: of the best dev cost so far, or of what is followed instead.
        early_stop_epoch: the epoch that early stopping marked.
        stopped: whether the run ended at that mark.
    """

    epoch: int = 1
    batch: int = 0
    step: int = 0
    cost: float = 0.0
    loss: float = 0.0
    samples: int = 0
    counted: float = 0.0
    totals: dict[str, Array] = field(default_factory=dict)
    finite: bool = True
    training_seconds: float = 0.0
    seconds: float = 0.0
    best_epoch: int | None = None
    best_value: float | None = None
    early_stop_epoch: int | None = None
    stopped: bool = False

    def count(
        self, result: StepResult, metrics: Iterable[Metric], prediction: Array, target: Array, counted: float
    ) -> None:
        """Take one step into the sums. A few microseconds, and what the metrics take."""
        self.batch += 1
        self.step += 1
        self.cost += counted * (result.loss + result.penalty)
        self.loss += counted * result.loss
        self.samples += len(target)
        self.counted += counted
        add(self.totals, metrics, prediction, target)

    def means(self) -> Metrics:
        """What was measured of the epoch so far."""
        return self.means_since(None)

    def means_since(self, before: "Progress | None") -> Metrics:
        """What was measured since `before`, a copy made earlier in the same epoch; None for all of the epoch."""
        before = before or Progress()
        n = (self.counted - before.counted) or float("nan")  # of samples that do not count there is no mean
        totals = {name: total - before.totals.get(name, 0.0) for name, total in self.totals.items()}
        cost, loss = (self.cost - before.cost) / n, (self.loss - before.loss) / n
        return Metrics({"cost": cost, "loss": loss, **metric_values(totals)})

    def next_epoch(self) -> None:
        """Turn to the next epoch, with empty sums."""
        self.epoch += 1
        self.batch = self.samples = 0
        self.cost = self.loss = self.counted = self.training_seconds = 0.0
        self.totals = {}

    def to_json(self) -> dict[str, Any]:
        """Plain values, exact."""
        totals = {name: np.asarray(total).tolist() for name, total in self.totals.items()}
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"totals": totals}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Progress) and self.to_json() == other.to_json()

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """What `to_json` gave, also when accuracy was the only metric and all samples counted the same."""
        if "correct" in content:
            correct = content.pop("correct")
            content["totals"] = {"accuracy": [correct, content["samples"]]} if content["samples"] else {}
            content["best_value"] = content.pop("best_cost")
        totals = {name: np.array(total) for name, total in content.get("totals", {}).items()}
        return cls(**{"counted": content["samples"]} | content | {"totals": totals})
