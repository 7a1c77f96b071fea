"""A scikit-learn classifier over any model and engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from backproof.data import TargetSpec
from backproof.engines import DType
from backproof.graph import Array, Graph
from backproof.ops import SoftmaxCrossEntropy
from backproof.runs.prepare import make_loss
from backproof.runs.spec import RunSpec
from backproof.sklearn.errors import EstimatorError
from backproof.sklearn.estimator import NetworkEstimator, Problem
from backproof.sklearn.samples import Labels, class_weights, listed
from backproof.tasks import Classification


class Classifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
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
            `init`, `weights`, `weights_skip`, `label_smoothing`, `last_batch`.
        dtype: "float32" or "float64"; None for that of X in the first fit, and float64 where X is of neither, as
            scikit-learn's own estimators. Probabilities have it too.
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
    _metric = "accuracy"

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
        dtype: DType | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            model,
            model_options=model_options,
            engine=engine,
            optimizer=optimizer,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            input_shape=input_shape,
            train_options=train_options,
            dtype=dtype,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch over some of the samples. The first call needs `classes`, all labels that will ever come.

        It goes on from an earlier `fit` too. Raises `ValueError` as `fit` does.
        """
        go_on = self.__sklearn_is_fitted__()
        if isinstance(self.class_weight, str):
            raise EstimatorError("class_weight='balanced' is for fit, which sees all samples; give a dict")
        if classes is None and not go_on:
            raise EstimatorError("the first call of partial_fit needs classes, all labels that will ever come")
        known = self.classes_ if go_on else np.unique(classes)
        if go_on and classes is not None and not np.array_equal(np.unique(classes), known):
            raise EstimatorError(f"classes differ from those of the first call, {listed(known)}")
        return self._fit(X, y, sample_weight, go_on=go_on, portion=True, classes=known)

    def predict(self, X: Any) -> Labels:
        """The label of each sample, (n,)."""
        outputs = self._outputs(X)
        return np.asarray(self.classes_[outputs.argmax(1)])

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (n, classes), in the order of `classes_`."""
        return np.asarray(softmax(self._outputs(X), axis=1))

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, (n, classes), exact where these are too small to be distinguished from 0."""
        return np.asarray(log_softmax(self._outputs(X), axis=1))

    def decision_function(self, X: Any) -> Array:
        """The network's outputs, (n, classes); of two classes (n,), how far the second is above the first."""
        outputs = self._outputs(X)
        return np.asarray(outputs[:, 1] - outputs[:, 0]) if len(self.classes_) == 2 else outputs

    def _validated(self, X: Any, y: Any, **how: Any) -> tuple[Array, Labels]:
        X, y = validate_data(self, X, y, **how)
        check_classification_targets(y)
        return X, y

    def _problem(self, spec: RunSpec, y: Labels, weight: Array | None, *, go_on: bool, classes: Any) -> Problem:
        known = np.unique(y) if classes is None else classes
        if classes is None and go_on and not np.array_equal(known, self.classes_):
            raise EstimatorError(f"y has other classes than the last fit, whose were {listed(self.classes_)}")
        strange = np.setdiff1d(y, known)
        if len(strange):
            raise EstimatorError(f"y has labels that are not in classes: {listed(strange)}")
        if len(known) == 1:
            raise EstimatorError(f"there is only one class, {listed(known)}; a classifier needs two or more")
        task = Classification(TargetSpec("class", tuple(map(str, known))))
        loss = make_loss(spec.model, task)
        if not isinstance(loss, SoftmaxCrossEntropy):
            raise EstimatorError("a classifier's loss is cross_entropy, whose outputs are logits of probabilities")
        weights = class_weights(self.class_weight, known, y, weight)
        return Problem(task, np.searchsorted(known, y), replace(loss, class_weights=weights), {"classes_": known})
