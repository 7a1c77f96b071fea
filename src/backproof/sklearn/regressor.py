"""A scikit-learn regressor over any model and engine."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from backproof.data import TargetSpec
from backproof.graph import Array
from backproof.runs.prepare import make_loss
from backproof.runs.spec import RunSpec
from backproof.sklearn.errors import EstimatorError
from backproof.sklearn.estimator import NetworkEstimator, Problem
from backproof.sklearn.samples import Labels
from backproof.tasks import Regression


class Regressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]
    """A neural network as a scikit-learn regressor of one or several numbers: minibatches, any model, any engine.

    Targets are taken as they are: scale them too, as `sklearn.compose.TransformedTargetRegressor` does.

    Args: those of `Classifier`, but for `class_weight`. `train_options` may hold `loss` too: "mse", which is the
    default, "l1" or "smooth_l1". A model's argument `classes` is how many numbers there are.

    Attributes: those of `Classifier`, but for `classes_`. `validation_scores_` are R².
    """

    _metric = "r2"
    _flat: bool
    """Whether y was (n,)."""

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch over some of the samples, going on from an earlier `fit` too. Raises `ValueError` as that does."""
        return self._fit(X, y, sample_weight, go_on=self.__sklearn_is_fitted__(), portion=True)

    def predict(self, X: Any) -> Array:
        """The numbers of each sample, float64, (n,) or (n, numbers), as y was."""
        outputs = self._outputs(X).astype(np.float64)
        return outputs[:, 0] if self._flat else outputs

    def _validated(self, X: Any, y: Any, **how: Any) -> tuple[Array, Labels]:
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, **how)
        return X, np.asarray(y, how["dtype"])

    def _problem(self, spec: RunSpec, y: Labels, *_weight: Any, go_on: bool, **_classes: Any) -> Problem:
        columns = y.reshape(len(y), -1)
        if go_on and (y.ndim == 1) != self._flat:
            raise EstimatorError(f"y has shape {y.shape}; it had {'one axis' if self._flat else 'two axes'} in the fit")
        names = tuple(f"y{i}" for i in range(columns.shape[1])) if columns.shape[1] > 1 else ("y",)
        task = Regression(TargetSpec("number", names, columns.shape[1:], integer=False))
        return Problem(task, columns, make_loss(spec.model, task), {"_flat": y.ndim == 1})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
