"""The maximal F-beta of salient object detection."""

import numpy as np

from backproof.data.targets import TargetSpec
from backproof.metrics.metric import Array, Metric, metric

THRESHOLDS = 255
"""1/255, 2/255, ..., 1: all that a mask kept as 8-bit pixels can be cut at."""

BETA_SQUARED = 0.3
"""Below 1: precision counts for more than recall (Achanta et al. 2009)."""


def f_beta(precision: Array, recall: Array) -> Array:
    """(1 + β²) precision recall / (β² precision + recall), and 0 where both are 0."""
    below = BETA_SQUARED * precision + recall
    return (1 + BETA_SQUARED) * precision * recall / np.where(below > 0, below, 1)


@metric
class MaxFBeta(Metric):
    """Largest F-beta, β² = 0.3, of masks cut at 255 thresholds.

    At each threshold t the foreground is where the predicted probability is t or more. Precision and recall of each
    image, 0 where they are 0 / 0, are averaged over the images, as for their precision-recall curves; then

        F = (1 + β²) precision recall / (β² precision + recall)

    and the value is the largest F over t (Achanta et al. 2009; Borji et al. 2015, "Salient Object Detection: A
    Benchmark"). True masks are cut at 0.5.
    """

    name = "max_f_beta"
    title = "max F-beta"
    short = "max Fβ"
    tasks = ("segmentation",)

    def fits(self, targets: TargetSpec) -> bool:
        return not targets.integer

    def count(self, prediction: Array, target: Array) -> Array:
        n, levels = len(target), THRESHOLDS + 1
        true = target.reshape(n, -1) >= 0.5
        with np.errstate(invalid="ignore"):  # NaN is no probability; it counts as 0
            level = np.nan_to_num(prediction.reshape(n, -1) * THRESHOLDS).clip(0, THRESHOLDS).astype(np.int64)
        place = (2 * np.arange(n)[:, None] + true) * levels + level
        pixels = np.bincount(place.ravel(), minlength=2 * n * levels).reshape(n, 2, levels)
        above = pixels[:, :, :0:-1].cumsum(2, dtype=np.float64)  # from the highest threshold down
        right, predicted, actual = above[:, 1], above.sum(1), true.sum(1, keepdims=True).astype(np.float64)
        precision = np.divide(right, predicted, out=np.zeros_like(right), where=predicted > 0)
        recall = np.divide(right, actual, out=np.zeros_like(right), where=actual > 0)
        return np.array([precision.sum(0), recall.sum(0), np.full(THRESHOLDS, float(n))])

    def value(self, totals: Array) -> float:
        return float(f_beta(*totals[:2] / totals[2]).max())
