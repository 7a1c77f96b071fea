"""A network that is trained now and then, and computes on whichever engine it is asked to."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np

from backproof.data.batches import Batches, in_order
from backproof.data.partitions import Partition
from backproof.engines import Engine, Trainer, get_engine, require_trainer
from backproof.graph import Array, Arrays, Graph
from backproof.optim import Optimizer
from backproof.runs.spec import EngineOptions
from backproof.tasks import Task
from backproof.train import Observer, Progress, fit
from backproof.train.evaluation import evaluation_batch


class Network:
    """Weights, optimizer state and the steps done, wherever they are computed.

    The engine's trainer is made when it is first needed, and anew when another engine is asked for. A pickle holds
    weights and optimizer state in canonical form and no trainer, so it can be opened where that engine is missing.

    Attributes:
        graph: the network with its loss, which may change between two calls.
        seed: of initial weights, dropout, batches and the validation samples.
        progress: epochs and steps done.
    """

    def __init__(self, graph: Graph, parameters: Arrays, seed: int) -> None:
        self.graph = graph
        self.seed = seed
        self.progress = Progress()
        self._parameters = parameters  # while there is no trainer
        self._optimizer: Optimizer | None = None
        self._optimizer_state: Arrays = {}  # that no trainer has been given yet
        self._place: EngineOptions | None = None
        self._trainer: Trainer | None = None
        self._lock = Lock()  # a trainer's buffers serve one caller at a time

    def train(
        self,
        place: EngineOptions,
        optimizer: Optimizer,
        batches: Batches,
        task: Task,
        *,
        epochs: int,
        dev: Partition | None,
        patience: int,
        observers: Sequence[Observer],
    ) -> None:
        """Go on for `epochs` more; with `dev`, end once its cost has not improved for `patience` epochs.

        The optimizer's state goes on too, if it is the same kind of optimizer.
        """
        with self._lock:
            trainer = self._trainer_on(place)
            if self._optimizer_state and type(optimizer) is type(self._optimizer):
                trainer.load_optimizer_state(optimizer, self._optimizer_state)
            self._optimizer, self._optimizer_state = optimizer, {}
            self.progress = Progress(epoch=self.progress.epoch, step=self.progress.step)
            fit(
                trainer,
                optimizer,
                batches,
                self.progress,
                task=task,
                epochs=self.progress.epoch - 1 + epochs,
                seed=self.seed,
                dev=dev,
                early_stopping=patience,
                stop_early=True,
                observers=observers,
            )

    def outputs(self, place: EngineOptions, samples: Partition) -> Array:
        """The network's output for each sample, (n, classes), in evaluation mode."""
        name = self.graph.inputs[0].name
        with self._lock, np.errstate(over="ignore", invalid="ignore"):
            trainer = self._trainer_on(place)
            batches = in_order(samples, evaluation_batch(self.graph))
            return np.concatenate([trainer.forward({name: batch.x})[self.graph.output] for batch in batches])

    def weights(self) -> dict[str, Array]:
        """Copies of all parameters by full name, in canonical layout, running statistics included."""
        trainer = self._trainer
        return trainer.parameters() if trainer else {name: np.array(a) for name, a in self._parameters.items()}

    def load(self, parameters: Arrays) -> None:
        """Set all parameters."""
        if self._trainer:
            self._trainer.load(parameters)
        else:
            self._parameters = parameters

    def _trainer_on(self, place: EngineOptions) -> Trainer:
        if self._trainer is None or self._place != place or self._trainer.graph != self.graph:
            engine = engine_at(place)
            if place.threads:
                engine.set_threads(place.threads)
            parameters, state = self.weights(), self._state()
            self._trainer = engine.compile(self.graph, parameters, dtype=place.dtype, device=place.device)
            self._place, self._optimizer_state, self._parameters = place, state, {}
        return self._trainer

    def _state(self) -> Arrays:
        """The optimizer's state, in the trainer or waiting for one."""
        return (self._trainer.optimizer_state() if self._trainer else {}) or self._optimizer_state

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            kept = self.__dict__ | {"_parameters": self.weights(), "_optimizer_state": self._state()}
        return kept | {"_trainer": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state | {"_lock": Lock()}


def engine_at(place: EngineOptions) -> Engine:
    """The engine. Raises `UserError` for one that is unknown, not installed, or cannot train."""
    return require_trainer(get_engine(place.engine, **place.settings))
