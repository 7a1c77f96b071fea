"""What scikit-learn's estimators over our networks share."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from backproof.data import Batches
from backproof.engines import DType
from backproof.graph import BATCH, Array, Graph, Loss, Shape
from backproof.models import build
from backproof.ops.loss import ReducedLoss
from backproof.runs.optimizer import make_optimizer
from backproof.runs.prepare import check_last_batch, initial_weights, note_of_last_batch
from backproof.runs.spec import RunSpec
from backproof.sklearn.errors import EstimatorError, as_value_error, in_words_of_the_estimator
from backproof.sklearn.history import History
from backproof.sklearn.network import Network, engine_at
from backproof.sklearn.samples import Labels, in_input_shape, partition, require_shape, sample_weights, set_aside
from backproof.sklearn.settings import options_in, require_patience, spec_of
from backproof.tasks import Task


@dataclass(frozen=True)
class Problem:
    """What is to be learned.

    Attributes:
        task: with the names of classes or numbers.
        y: targets as the network's loss takes them.
        loss: put behind the network.
        fitted: further attributes of the estimator once it is fitted.
    """

    task: Task
    y: Array
    loss: Loss
    fitted: Mapping[str, Any] = field(default_factory=dict)


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """A network that is fitted to samples; `Classifier` and `Regressor` say what is learned of them."""

    graph_: Graph
    n_iter_: int
    loss_curve_: list[float]
    validation_loss_curve_: list[float]
    validation_scores_: list[float]
    _network: Network
    _sample_shape: tuple[int, ...]
    _dtype: DType
    _metric: str
    """The metric in `validation_scores_`."""

    def __init__(
        self,
        model: str | Callable[..., Graph] = "mlp",
        *,
        model_options: Mapping[str, Any] | None = None,
        engine: str = "numpy",
        optimizer: str = "adam",
        learning_rate: float | None = None,
        epochs: int = 100,
        batch_size: int | Literal["full"] = 64,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        input_shape: Sequence[int] | None = None,
        train_options: Mapping[str, Any] | None = None,
        dtype: DType | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.model_options = model_options
        self.engine = engine
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.input_shape = input_shape
        self.train_options = train_options
        self.dtype = dtype
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @abstractmethod
    def _problem(self, spec: RunSpec, y: Labels, weight: Array | None, *, go_on: bool, classes: Any) -> Problem:
        """What targets `y` ask for. `go_on`: the network of an earlier fit learns on; `classes`: see `partial_fit`."""

    @abstractmethod
    def _validated(self, X: Any, y: Any, **how: Any) -> tuple[Array, Labels]:
        """Samples and targets as arrays, by scikit-learn's `validate_data`."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X, (n, features) or (n, channels, height, width), and y, (n,) or of a regressor also (n, numbers).

        `sample_weight`, (n,), says how much each sample counts: a weight of 2 as much as the sample twice, 0 nothing.
        The loss of a minibatch is the weighted mean. Raises `ValueError` for parameters or data that do not fit, naming
        them, and if the loss becomes NaN.
        """
        return self._fit(X, y, sample_weight, go_on=self.warm_start and self.__sklearn_is_fitted__())

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, *, go_on: bool, portion: bool = False, classes: Any = None
    ) -> Self:
        """`portion`: one epoch of `partial_fit`."""
        with as_value_error():
            dtype = self._dtype if go_on else "float32" if getattr(X, "dtype", None) == np.float32 else "float64"
            spec = self._spec(dtype)
            if portion and self.early_stopping:
                raise EstimatorError("early_stopping is for fit; partial_fit trains one epoch and sets nothing aside")
            if go_on:
                require_shape(X, self._sample_shape)
            x, y = self._validated(X, y, reset=not go_on, dtype=spec.engine.dtype, order="C", allow_nd=True)
            x, y, weight = sample_weights(x, y, sample_weight)
            problem = self._problem(spec, y, weight, go_on=go_on, classes=classes)
            return self._train(spec, x, weight, problem, go_on=go_on, portion=portion)

    @property
    def weights_(self) -> dict[str, Array]:
        """Copies of all parameters by full name, in canonical layout, running statistics included."""
        check_is_fitted(self)
        return self._network.weights()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    def _train(
        self, spec: RunSpec, x: Array, weight: Array | None, problem: Problem, *, go_on: bool, portion: bool
    ) -> Self:
        """Make the network, or take the one there is; train it, and keep what has become of it."""
        engine_at(spec.engine)  # before anything else is said of the data
        samples = partition(in_input_shape(x, self.input_shape), problem.y, weight)
        model = self._model(Shape(BATCH, *samples.x.shape[1:]), problem.task)
        graphs = [model.with_loss(problem.loss)]
        if isinstance(problem.loss, ReducedLoss):
            graphs.append(model.with_loss(replace(problem.loss, sample_weights=True)))
        elif weight is not None:
            raise EstimatorError(f"the loss {problem.loss} takes no sample_weight")
        graph = graphs[weight is not None]
        if go_on and self.graph_ not in graphs:
            raise EstimatorError("the network or its loss is another one than in the last fit; fit a clone")
        network = self._network if go_on else self._new_network(graph, spec)
        train, dev, patience = samples, None, 0
        if self.early_stopping:
            patience = require_patience(self.n_iter_no_change)
            train, dev = set_aside(samples, self.validation_fraction, network.seed)
        batches = Batches(
            train,
            batch_size=spec.training.samples_a_batch,
            last_batch=spec.training.last_batch,
            augmentation=spec.augmentation,
            data_seed=network.seed,
            dtype=spec.engine.dtype,
        )
        check_last_batch(graph, batches)
        if self.verbose and (note := note_of_last_batch(batches.sizes)):
            print(f"note: {in_words_of_the_estimator(note)}")
        epochs = 1 if portion else spec.training.epochs
        optimizer = make_optimizer(spec.optimizer, batches.batches_per_epoch, network.progress.epoch - 1 + epochs)
        history = History(self._metric, verbose=self.verbose)
        network.graph = graph
        network.train(
            spec.engine,
            optimizer,
            batches,
            problem.task,
            epochs=epochs,
            dev=dev,
            patience=patience,
            observers=[history],
        )
        if history.best:
            network.load(history.best)

        if not go_on:
            self.loss_curve_, self.validation_loss_curve_, self.validation_scores_ = [], [], []
        self._network, self._sample_shape, self.graph_ = network, x.shape[1:], graph
        self._dtype = spec.engine.dtype
        for name, value in problem.fitted.items():
            setattr(self, name, value)
        self.loss_curve_ += [record.train.loss for record in history.records]
        self.validation_loss_curve_ += [record.dev.loss for record in history.records if record.dev]
        self.validation_scores_ += [record.dev[self._metric] for record in history.records if record.dev]
        self.n_iter_ = len(self.loss_curve_)
        return self

    def _spec(self, dtype: DType) -> RunSpec:
        """The parameters as the specification of a run, in `dtype` unless there is one among them."""
        return spec_of(self.get_params(deep=False) | {"dtype": self.dtype or dtype})

    def _model(self, input: Shape, task: Task) -> Graph:
        """The model, still without a loss."""
        graph = build(self.model, input, task.outputs, options_in("model_options", self.model_options))
        outputs = graph.shapes[graph.output]
        if graph.loss is not None:
            raise EstimatorError("model ends in a loss of its own; the estimator puts one behind it")
        if outputs != task.output_shape:
            what = "a class for each pixel; " if len(outputs) > 2 else ""
            raise EstimatorError(f"model puts out {outputs}, {what}it must put out {task.output_shape}")
        return graph

    def _new_network(self, graph: Graph, spec: RunSpec) -> Network:
        """With weights drawn from the random state, or from the file in `train_options`."""
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        return Network(graph, initial_weights(replace(spec.model, model_seed=seed), graph), seed)

    def _outputs(self, X: Any) -> Array:
        """The network's outputs, (n, classes) or (n, numbers)."""
        check_is_fitted(self)
        with as_value_error():
            place = self._spec(self._dtype).engine
            require_shape(X, self._sample_shape)
            x = validate_data(self, X, reset=False, dtype=place.dtype, order="C", allow_nd=True)
            input = self.graph_.inputs[0].shape
            return self._network.outputs(place, partition(x.reshape(len(x), *input.per_sample)))
