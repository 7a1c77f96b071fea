"""scikit-learn's MLPClassifier with the same widths, solver sgd without momentum and weight decay."""

from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from backproof.bench.workload import Workload
from backproof.errors import UserError
from backproof.ops import Flatten, Linear, ReLU


class ScikitLearn:
    """One `partial_fit` is one epoch."""

    def __init__(self, workload: Workload) -> None:
        job, graph = workload.job, workload.graph
        ops = [node.op for node in graph.nodes if node.name != graph.loss]
        if not all(isinstance(op, (Flatten, Linear, ReLU)) for op in ops):
            raise UserError(f"--contenders scikit-learn takes Linear and ReLU layers alone; '{job.model}' has others")
        threadpool_limits(job.threads, user_api="blas")
        widths = [op.out_features for op in ops if isinstance(op, Linear)]
        self._x, self._y = workload.x.reshape(job.samples, -1), workload.y
        self._classes = range(job.classes)
        self._model = MLPClassifier(
            hidden_layer_sizes=widths[:-1],
            solver="sgd",
            alpha=0.0,
            batch_size=job.batch_size,
            learning_rate_init=job.learning_rate,
            momentum=0.0,
            random_state=job.seed,
        )

    def losses(self, steps: int) -> None:  # noqa: ARG002
        """It draws its own initial weights, so there is nothing to compare."""
        return

    def epoch(self, number: int) -> None:  # noqa: ARG002
        """See `Contender.epoch`."""
        self._model.partial_fit(self._x, self._y, classes=list(self._classes))
