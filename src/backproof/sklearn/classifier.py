"""A scikit-learn classifier over any model and engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from backproof.data import Batches, TargetSpec
from backproof.engines import DType
from backproof.graph import BATCH, Array, Graph, Shape
from backproof.models import build
from backproof.ops import SoftmaxCrossEntropy
from backproof.runs.optimizer import make_optimizer
from backproof.runs.prepare import check_last_batch, initial_weights
from backproof.runs.spec import RunSpec
from backproof.sklearn.errors import EstimatorError, as_value_error
from backproof.sklearn.history import History
from backproof.sklearn.network import Network, require_trainer
from backproof.sklearn.samples import Labels, class_weights, in_input_shape, listed, partition, require_shape, set_aside
from backproof.sklearn.settings import options_in, require_patience, spec_of
from backproof.tasks import Classification


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A neural network as a scikit-learn classifier: softmax cross-entropy, minibatches, any model, any engine.

    All parameters are checked by `fit`, as scikit-learn wants it; bad ones raise a `UserError` that is a `ValueError`.

    Args:
        model: a registered name, `path/to/file.py:function`, or a function `(input, classes, **options) -> Graph`.
        model_options: the model's own options, such as `{"layers": (64, 32)}` of mlp.
        engine: "numpy", "torch", ...; `backproof engines` lists them. It may be changed on a fitted estimator, which
            then computes on with the same weights.
        optimizer: "sgd", "momentum", "nesterov", "adam", "adamw", "adabound", "amsbound", "rmsprop" or "adagrad".
        learning_rate: None for the optimizer's own.
        epochs: passes over the training samples, at most.
        batch_size: samples a step, or "full".
        class_weight: how much a sample of each label counts, by label, 1 if not named; "balanced": the rarer, the more.
            The loss of a minibatch is the weighted mean.
        early_stopping: set samples aside, end the fit once their cost has not improved for `n_iter_no_change` epochs,
            and give back the weights of the best epoch.
        validation_fraction: the share set aside, with the classes in their proportions.
        n_iter_no_change: epochs to wait.
        input_shape: the shape of one sample, such as (1, 28, 28), for images that come as rows; None to take them as
            they come, (n, features) or (n, channels, height, width). Values are not scaled.
        train_options: further options of `bp.train` by name: those of the optimizer and its schedule
            (`weight_decay`, `momentum`, `schedule`), the engine (`device`, `threads`, `memory`), augmentation, and
            `init`, `weights`, `weights_skip`, `label_smoothing`.
        dtype: "float32" or "float64". Probabilities have it too.
        warm_start: a further `fit` goes on where the last one ended, for `epochs` more, with the optimizer's state. At
            a constant learning rate two fits of 5 epochs give the bits of one of 10.
        random_state: of initial weights, batches, dropout and validation samples. Equal seeds give equal bits.
        verbose: print a line an epoch.

    Attributes:
        classes_: the labels, (classes,), sorted.
        n_features_in_: features of a sample; of images, their channels.
        feature_names_in_: the columns' names, if the input had names.
        graph_: the network with its loss.
        weights_: parameters by full name, in canonical layout: `bp.write_weights` takes them.
        n_iter_: epochs done.
        loss_curve_: mean training loss of each epoch.
        validation_loss_curve_, validation_scores_: loss and accuracy of the samples set aside, of each epoch with
            `early_stopping`.
    """

    classes_: Labels
    graph_: Graph
    n_iter_: int
    loss_curve_: list[float]
    validation_loss_curve_: list[float]
    validation_scores_: list[float]
    _network: Network
    _sample_shape: tuple[int, ...]

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
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        input_shape: Sequence[int] | None = None,
        train_options: Mapping[str, Any] | None = None,
        dtype: DType = "float32",
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
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.input_shape = input_shape
        self.train_options = train_options
        self.dtype = dtype
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Train on X, (n, features) or (n, channels, height, width), and labels y, (n,) of any kind.

        Raises `ValueError` for parameters or data that do not fit, naming them, and if the loss becomes NaN.
        """
        go_on = self.warm_start and self.__sklearn_is_fitted__()
        with as_value_error():
            spec = spec_of(self.get_params(deep=False))
            x, labels = self._training_data(X, y, spec, reset=not go_on)
            if go_on and not np.array_equal(np.unique(labels), self.classes_):
                raise EstimatorError(f"y has other classes than the last fit, whose were {listed(self.classes_)}")
            return self._train(
                spec,
                x,
                labels,
                np.unique(labels),
                epochs=spec.training.epochs,
                go_on=go_on,
                early_stopping=self.early_stopping,
            )

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """One epoch over some of the samples. The first call needs `classes`, all labels that will ever come.

        It goes on from an earlier `fit` too. Raises `ValueError` as `fit` does.
        """
        go_on = self.__sklearn_is_fitted__()
        with as_value_error():
            spec = spec_of(self.get_params(deep=False))
            if self.early_stopping:
                raise EstimatorError("early_stopping is for fit; partial_fit trains one epoch and sets nothing aside")
            if self.class_weight == "balanced":
                raise EstimatorError("class_weight='balanced' is for fit, which sees all samples; give a dict")
            if classes is None and not go_on:
                raise EstimatorError("the first call of partial_fit needs classes, all labels that will ever come")
            known = self.classes_ if go_on else np.unique(classes)
            if go_on and classes is not None and not np.array_equal(np.unique(classes), known):
                raise EstimatorError(f"classes differ from those of the first call, {listed(known)}")
            x, labels = self._training_data(X, y, spec, reset=not go_on)
            strange = np.setdiff1d(labels, known)
            if len(strange):
                raise EstimatorError(f"y has labels that are not in classes: {listed(strange)}")
            return self._train(spec, x, labels, known, epochs=1, go_on=go_on, early_stopping=False)

    def predict(self, X: Any) -> Labels:
        """The label of each sample, (n,)."""
        outputs = self._outputs(X)
        return np.asarray(self.classes_[outputs.argmax(1)])

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (n, classes), in the order of `classes_`."""
        return np.asarray(softmax(self._outputs(X), axis=1))

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, (n, classes), exact where these are too small to be told from 0."""
        return np.asarray(log_softmax(self._outputs(X), axis=1))

    def decision_function(self, X: Any) -> Array:
        """The network's outputs, (n, classes); of two classes (n,), how far the second is above the first."""
        outputs = self._outputs(X)
        return np.asarray(outputs[:, 1] - outputs[:, 0]) if len(self.classes_) == 2 else outputs

    @property
    def weights_(self) -> dict[str, Array]:
        """Copies of all parameters by full name, in canonical layout, running statistics included."""
        check_is_fitted(self)
        return self._network.weights()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    def _training_data(self, X: Any, y: Any, spec: RunSpec, *, reset: bool) -> tuple[Array, Labels]:
        """Samples and labels as arrays, known to fit each other."""
        if not reset:
            require_shape(X, self._sample_shape)
        X, y = validate_data(self, X, y, reset=reset, dtype=spec.engine.dtype, order="C", allow_nd=True)
        check_classification_targets(y)
        return X, y

    def _train(
        self, spec: RunSpec, x: Array, y: Labels, classes: Labels, *, epochs: int, go_on: bool, early_stopping: bool
    ) -> Self:
        """Make the network, or take the one there is; train it, and keep what has become of it."""
        if len(classes) == 1:
            raise EstimatorError(f"there is only one class, {listed(classes)}; a classifier needs two or more")
        require_trainer(spec.engine)
        samples = partition(in_input_shape(x, self.input_shape), np.searchsorted(classes, y))
        weights = class_weights(self.class_weight, classes, y)
        graph = self._graph(Shape(BATCH, *samples.x.shape[1:]), len(classes)).with_loss(
            SoftmaxCrossEntropy(label_smoothing=spec.model.label_smoothing, class_weights=weights)
        )
        if go_on and graph != self.graph_:
            raise EstimatorError("the network or its loss is another one than in the last fit; fit a clone")
        network = self._network if go_on else self._new_network(graph, spec)
        train, dev, patience = samples, None, 0
        if early_stopping:
            patience = require_patience(self.n_iter_no_change)
            train, dev = set_aside(samples, self.validation_fraction, network.seed)
        size = spec.training.batch_size
        batches = Batches(
            train,
            batch_size=None if size == "full" else size,
            augmentation=spec.augmentation,
            data_seed=network.seed,
            dtype=spec.engine.dtype,
        )
        check_last_batch(graph, batches)
        optimizer = make_optimizer(spec.optimizer, batches.batches_per_epoch, network.progress.epoch - 1 + epochs)
        history = History(verbose=self.verbose)
        task = Classification(TargetSpec("class", tuple(map(str, classes))))
        network.train(
            spec.engine, optimizer, batches, task, epochs=epochs, dev=dev, patience=patience, observers=[history]
        )
        if history.best:
            network.load(history.best)

        if not go_on:
            self.loss_curve_, self.validation_loss_curve_, self.validation_scores_ = [], [], []
        self._network, self._sample_shape, self.graph_, self.classes_ = network, x.shape[1:], graph, classes
        self.loss_curve_ += [record.train.loss for record in history.records]
        self.validation_loss_curve_ += [record.dev.loss for record in history.records if record.dev]
        self.validation_scores_ += [record.dev.accuracy for record in history.records if record.dev]
        self.n_iter_ = len(self.loss_curve_)
        return self

    def _graph(self, input: Shape, classes: int) -> Graph:
        """The model, still without a loss."""
        graph = build(self.model, input, classes, options_in("model_options", self.model_options))
        scores = graph.shapes[graph.output]
        if scores != Shape(BATCH, classes):
            raise EstimatorError(f"model puts out {scores}, a class for each pixel; it must put out {(BATCH, classes)}")
        return graph

    def _new_network(self, graph: Graph, spec: RunSpec) -> Network:
        """With weights drawn from the random state, or from the file in `train_options`."""
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        return Network(graph, initial_weights(replace(spec.model, model_seed=seed), graph), seed)

    def _outputs(self, X: Any) -> Array:
        """The network's outputs, (n, classes)."""
        check_is_fitted(self)
        with as_value_error():
            place = spec_of(self.get_params(deep=False)).engine
            require_shape(X, self._sample_shape)
            x = validate_data(self, X, reset=False, dtype=place.dtype, order="C", allow_nd=True)
            input = self.graph_.inputs[0].shape
            return self._network.outputs(place, partition(x.reshape(len(x), *input.per_sample)))
