"""Tasks: what targets ask of a network. One file a task."""

from collections.abc import Iterable

from backproof.data.targets import TargetSpec
from backproof.metrics import Metric
from backproof.tasks.classification import Classification
from backproof.tasks.regression import Regression
from backproof.tasks.segmentation import Segmentation
from backproof.tasks.task import Answer, Task

TASKS: dict[str, type[Task]] = {"class": Classification, "mask": Segmentation, "number": Regression}
"""The task of each kind of target."""


def task_of(targets: TargetSpec, metrics: Iterable[Metric] | None = None) -> Task:
    """The task that such targets set; of `metrics`, all there are if None, those that fit are measured."""
    return TASKS[targets.kind](targets, metrics)


__all__ = ["TASKS", "Answer", "Classification", "Regression", "Segmentation", "Task", "task_of"]
