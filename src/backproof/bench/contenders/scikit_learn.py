"""scikit-learn's MLPClassifier with the same widths and weights, solver sgd without momentum and weight decay."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from backproof.bench.job import TrainJob
from backproof.bench.workload import Workload
from backproof.errors import OptionError
from backproof.graph import Array, Graph
from backproof.ops import Flatten, Linear, ReLU

Samples = tuple[npt.NDArray[np.floating], npt.NDArray[np.int64]]


class ScikitLearn:
    """One `partial_fit` on all samples is one epoch: it shuffles and divides them itself."""

    def __init__(self, job: TrainJob, graph: Graph, workload: Workload) -> None:
        nodes = [node for node in graph.nodes if node.name not in graph.loss_nodes]
        if not all(isinstance(node.op, Flatten | Linear | ReLU) for node in nodes) or job.classes < 3:
            raise OptionError(
                "{contenders:scikit-learn} takes Linear and ReLU layers alone, and 3 classes or more; '{}' has others",
                job.model,
            )
        if job.optimizer != "sgd":
            raise OptionError(
                "{contenders:scikit-learn} goes with {optimizer:sgd}, not {}: its formulas are others", job.optimizer
            )
        threadpool_limits(job.threads, user_api="blas")
        layers = [node for node in nodes if isinstance(node.op, Linear)]
        self._x, self._y = workload.x.reshape(workload.samples, -1), workload.y
        self._batch_size, self._classes = job.batch_size, list(range(job.classes))
        self._model = MLPClassifier(
            hidden_layer_sizes=[node.shape.size for node in layers[:-1]],
            solver="sgd",
            alpha=0.0,
            batch_size=job.batch_size,
            learning_rate_init=job.learning_rate,
            momentum=0.0,
            random_state=job.seed,
        )
        self.step(self.first_batch())  # only then it has weights, which give way to the common ones
        parameters = workload.draw_parameters()
        for i, node in enumerate(layers):
            self._model.coefs_[i][...] = parameters[node.path("weight")].T
            self._model.intercepts_[i][...] = parameters[node.path("bias")]

    def first_batch(self) -> Samples:
        return self._x[: self._batch_size], self._y[: self._batch_size]

    def batches(self, epoch: int) -> Iterator[Samples]:  # noqa: ARG002
        """See `Learner.batches`: all at once."""
        yield self._x, self._y

    def step(self, batch: Samples) -> float:
        self._model.partial_fit(*batch, classes=self._classes)
        return float(self._model.loss_)

    def gradients(self, batch: Samples) -> dict[str, Array]:  # noqa: ARG002
        """It shows none; its losses after some steps stand for them."""
        return {}
