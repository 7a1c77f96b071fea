"""The jax engine as its library likes it best: samples on the device, an epoch in one call, no look in between."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from backproof.bench.job import TrainJob
from backproof.bench.workload import Workload
from backproof.engines import Mode
from backproof.engines.jax import JaxEngine
from backproof.errors import OptionError
from backproof.graph import Array, Graph
from backproof.optim import OPTIMIZERS

Rows = npt.NDArray[np.integer]
"""(steps, N): which samples each step takes."""


class JaxScan:
    """A compiled loop over the batches of an epoch. Its batches are rows of sample numbers."""

    def __init__(self, job: TrainJob, graph: Graph, workload: Workload) -> None:
        if job.steps is not None:
            raise OptionError(
                "'jax-scan' trains an epoch in one call and has no steps to time; leave it out, or {steps}"
            )
        engine = JaxEngine()
        engine.set_threads(job.threads)
        self._trainer = engine.compile(graph, workload.draw_parameters(), dtype=job.dtype)
        self._optimizer = OPTIMIZERS[job.optimizer]()
        self._samples = dict(zip((i.name for i in graph.inputs), (workload.x, workload.y), strict=True))
        self._count = len(workload.y)
        self._placed = self._trainer.place(self._samples)
        self._batch_size, self._seed = job.batch_size, job.seed
        self._step = 0

    def first_batch(self) -> Rows:
        return np.arange(self._batch_size)[None]

    def batches(self, epoch: int) -> Iterator[Rows]:
        """See `Learner.batches`: all full ones at once, then the rest."""
        order = np.random.default_rng((self._seed, epoch)).permutation(self._count)
        full = len(order) // self._batch_size * self._batch_size
        yield order[:full].reshape(-1, self._batch_size)
        if full < len(order):
            yield order[None, full:]

    def step(self, batch: Rows) -> float:
        """See `Learner.step`: as many as there are rows; the loss of the last."""
        losses = self._trainer.train_steps(self._placed, batch, self._optimizer, Mode(training=True, step=self._step))
        self._step += len(batch)
        return float(losses[-1])

    def gradients(self, batch: Rows) -> dict[str, Array]:
        (rows,) = batch
        found = self._trainer.gradients({name: x[rows] for name, x in self._samples.items()}, Mode(training=True))
        named = {f"gradient of {name}": gradient for name, gradient in found.parameters.items()}
        return {"output": found.output, **named}
