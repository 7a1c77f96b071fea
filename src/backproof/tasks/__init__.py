"""Tasks: what targets ask of a network. One file a task."""

from backproof.data.targets import TargetSpec
from backproof.tasks.classification import Classification
from backproof.tasks.regression import Regression
from backproof.tasks.segmentation import Segmentation
from backproof.tasks.task import Answer, Task

TASKS: dict[str, type[Task]] = {"class": Classification, "mask": Segmentation, "number": Regression}
"""The task of each kind of target."""


def task_of(targets: TargetSpec) -> Task:
    """The task that such targets set."""
    return TASKS[targets.kind](targets)


__all__ = ["TASKS", "Answer", "Classification", "Regression", "Segmentation", "Task", "task_of"]
