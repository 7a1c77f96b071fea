"""One of backproof's own engines, on the road that training takes: batches, then training steps."""

from collections.abc import Iterator

import numpy as np

from backproof.bench.job import TrainJob
from backproof.bench.workload import Workload
from backproof.data import AugmentationOptions, Partition
from backproof.data.batches import Batches
from backproof.engines import Mode, get_engine, require_trainer
from backproof.graph import Array, Arrays, Graph
from backproof.optim import OPTIMIZERS


class EngineLearner:
    """An engine that trains."""

    def __init__(self, job: TrainJob, graph: Graph, workload: Workload) -> None:
        engine = require_trainer(get_engine(job.contender), "contenders")
        engine.set_threads(job.threads)
        dtype = engine.capabilities.nearest_dtype(job.dtype)
        self._trainer = engine.compile(graph, workload.draw_parameters(), dtype=dtype)
        self._optimizer = OPTIMIZERS[job.optimizer]()
        self._x, self._y = workload.x, workload.y
        self._names = tuple(i.name for i in graph.inputs)
        self._batch_size = job.batch_size
        self._batches = Batches(
            Partition(workload.x, workload.y, np.arange(workload.samples)),
            batch_size=job.batch_size,
            augmentation=AugmentationOptions(),
            data_seed=job.seed,
            dtype=dtype,
        )
        self._step = 0

    def first_batch(self) -> Arrays:
        return self._feed(self._x[: self._batch_size], self._y[: self._batch_size])

    def batches(self, epoch: int) -> Iterator[Arrays]:
        return (self._feed(batch.x, batch.y) for batch in self._batches.epoch(epoch))

    def _feed(self, x: Array, y: Array) -> dict[str, Array]:
        """Under the names that the network gives them."""
        return dict(zip(self._names, (x, y), strict=True))

    def step(self, batch: Arrays) -> float:
        result = self._trainer.train_step(batch, self._optimizer, Mode(training=True, step=self._step))
        self._step += 1
        return result.loss

    def gradients(self, batch: Arrays) -> dict[str, Array]:
        found = self._trainer.gradients(batch, Mode(training=True))
        named = {f"gradient of {name}": gradient for name, gradient in found.parameters.items()}
        return {"output": found.output, **named}
