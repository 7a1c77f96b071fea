"""How often the right class has the highest scores."""

import numpy as np

from backproof.data.targets import TargetSpec
from backproof.metrics.metric import Array, Mean, metric


@metric
class Accuracy(Mean):
    """Fraction classified correctly.

    Of samples, or of pixels where each of them has a class.
    """

    name = title = "accuracy"
    short = "acc"
    tasks = ("classification", "segmentation")
    streams = True

    def fits(self, targets: TargetSpec) -> bool:
        return targets.integer

    def count(self, prediction: Array, target: Array) -> Array:
        return np.array([np.count_nonzero(prediction.argmax(1) == target), target.size], np.float64)


@metric
class Top5(Mean):
    """Fraction whose true class is among the five with the highest scores.

    scikit-learn's `top_k_accuracy_score(k=5)`. Of equal scores the class of the higher index comes first, as there.
    """

    name = "top5"
    title = "top-5 accuracy"
    short = "top 5"
    tasks = ("classification",)

    def fits(self, targets: TargetSpec) -> bool:
        return len(targets.names) > 5

    def count(self, prediction: Array, target: Array) -> Array:
        true = prediction[np.arange(len(target)), target][:, None]
        later = np.arange(prediction.shape[1]) > target[:, None]
        before = np.count_nonzero((prediction > true) | ((prediction == true) & later), axis=1)
        found = (before < 5) & ~np.isnan(true[:, 0])
        return np.array([np.count_nonzero(found), len(target)], np.float64)
