"""One of backproof's own engines, on the road that training takes: batches, then training steps."""

import numpy as np

from backproof.bench.workload import Workload
from backproof.data import AugmentationOptions, Partition
from backproof.data.batches import Batches
from backproof.engines import DType, Mode, get_engine
from backproof.graph import Array
from backproof.optim import SGD


class EngineContender:
    """A session that trains."""

    def __init__(self, workload: Workload) -> None:
        job = workload.job
        engine = get_engine(job.contender)
        engine.set_threads(job.threads)
        dtype: DType = "float64" if job.contender == "reference" else "float32"
        self._workload = workload
        self._session = engine.compile(workload.graph, workload.parameters, dtype=dtype)
        self._optimizer = SGD(lr=job.learning_rate)
        self._batches = Batches(
            Partition(workload.x, workload.y, np.arange(job.samples)),
            batch_size=job.batch_size,
            augmentation=AugmentationOptions(),
            data_seed=job.seed,
            dtype=dtype,
        )

    def losses(self, steps: int) -> list[float]:
        """See `Contender.losses`."""
        n, found = self._workload.job.batch_size, []
        for step in range(steps):
            rows = slice(step * n, (step + 1) * n)
            inputs: dict[str, Array] = {"x": self._workload.x[rows], "y": self._workload.y[rows]}
            found.append(self._session.train_step(inputs, self._optimizer, Mode(training=True, step=step)).loss)
        return found

    def epoch(self, number: int) -> None:
        """See `Contender.epoch`."""
        for step, batch in enumerate(self._batches.epoch(number)):
            inputs: dict[str, Array] = {"x": batch.x, "y": batch.y}
            self._session.train_step(inputs, self._optimizer, Mode(training=True, step=step))
