"""Precision, recall and F1 of each class, from the confusion matrix."""

import numpy as np

from backproof.data.targets import TargetSpec
from backproof.metrics.metric import Array, Metric, metric


def confusion(target: Array, predicted: Array, classes: int) -> Array:
    """(classes, classes) int64 counts of class indices of equal shape: row is the true class, column the predicted."""
    pairs = target.ravel() * classes + predicted.ravel()
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def precision_recall_f1(matrix: Array) -> Array:
    """(3, classes): of each class of a confusion matrix, with tp the right ones among those predicted and those true

        precision = tp / predicted    recall = tp / true    F1 = 2 tp / (predicted + true)

    and 0 where that is 0 / 0, as scikit-learn's `precision_recall_fscore_support(zero_division=0.0)`.
    """
    right, true, predicted = np.diagonal(matrix), matrix.sum(1), matrix.sum(0)
    above = np.array([right, right, 2 * right], np.float64)
    below = np.array([predicted, true, predicted + true], np.float64)
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


@metric
class MacroF1(Metric):
    """Mean of F1 over the classes.

    F1 = 2 precision recall / (precision + recall), 0 for a class that is never predicted rightly. Classes that are
    neither met nor predicted do not count. scikit-learn's `f1_score(average="macro")`.
    """

    name = "macro_f1"
    title = "macro F1"
    short = "F1"
    tasks = ("classification",)

    def fits(self, targets: TargetSpec) -> bool:
        return targets.integer

    def count(self, prediction: Array, target: Array) -> Array:
        return confusion(target, prediction.argmax(1), prediction.shape[1]).astype(np.float64)

    def value(self, totals: Array) -> float:
        seen = totals.sum(0) + totals.sum(1) > 0
        return float(precision_recall_f1(totals)[2][seen].mean())
