"""What is timed when a library trains, whichever it is: an epoch, or steps one by one."""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from backproof.bench.job import TrainJob
from backproof.bench.workload import Workload
from backproof.graph import Array, Graph

AGREEMENT_STEPS = 2


class Learner(Protocol):
    """A library that has the network and its weights. Batches are of its own kind."""

    def first_batch(self) -> Any:
        """The first samples in order, as many as a batch has."""
        ...

    def batches(self, epoch: int) -> Iterator[Any]:
        """All samples once, in a new random order, batch by batch."""
        ...

    def step(self, batch: Any) -> float:
        """Forward, backward, update. Returns the loss."""
        ...

    def gradients(self, batch: Any) -> dict[str, Array]:
        """The output and each parameter's gradient, by name, without an update; {} where it shows none."""
        ...


MakeLearner = Callable[[TrainJob, Graph, Workload], Learner]


class Training:
    """A contender that trains."""

    def __init__(self, workload: Workload, make: MakeLearner) -> None:
        self._job = workload.job
        self._random = workload.random
        compared = self._job.dtype == "float64"
        self._learner = make(self._job, workload.certain_graph if compared else workload.graph, workload)

    def first_loss(self) -> float | None:
        """See `Contender.first_loss`. Dropout makes everybody's own."""
        if self._job.dtype == "float64":  # to be asked for evidence, from the weights as they are
            return None
        loss = self._learner.step(self._learner.first_batch())
        return None if self._random else loss

    def evidence(self) -> dict[str, Array]:
        """Output, gradients, and the losses of the first steps on the first batch."""
        batch = self._learner.first_batch()
        found = self._learner.gradients(batch)
        losses = [self._learner.step(batch) for _ in range(AGREEMENT_STEPS)]
        return found | {"losses of the first steps": np.array(losses)}

    def round(self, number: int) -> dict[str, list[float]]:
        """An epoch, or the job's number of steps on one batch."""
        if self._job.steps is None:
            start = perf_counter()
            for batch in self._learner.batches(number + 1):
                self._learner.step(batch)
            return {"epoch": [perf_counter() - start]}
        batch, times = self._learner.first_batch(), []
        for _ in range(self._job.steps):
            start = perf_counter()
            self._learner.step(batch)
            times.append(perf_counter() - start)
        return {"step": times}
