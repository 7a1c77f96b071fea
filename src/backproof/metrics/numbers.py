"""How far predicted numbers are off."""

import numpy as np

from backproof.data.targets import TargetSpec
from backproof.metrics.metric import Array, Mean, Metric, metric


@metric
class MAE(Mean):
    """Mean absolute error: of numbers, or of a mask's probabilities.

    Mean of |prediction - target| over all samples and all numbers of each. scikit-learn's `mean_absolute_error`.
    """

    name = "mae"
    title = short = "MAE"
    unit, better = "number", "lower"
    tasks = ("segmentation", "regression")
    streams = True

    def fits(self, targets: TargetSpec) -> bool:
        return not targets.integer

    def count(self, prediction: Array, target: Array) -> Array:
        return np.array([np.abs(np.subtract(prediction, target, dtype=np.float64)).sum(), target.size])


@metric
class RMSE(Metric):
    """Root mean square error, mean over the numbers of a target.

    √(mean (prediction - target)²) of each number. scikit-learn's `root_mean_squared_error`.
    """

    name = "rmse"
    title = short = "RMSE"
    unit, better = "number", "lower"
    tasks = ("regression",)
    streams = True

    def count(self, prediction: Array, target: Array) -> Array:
        squares = np.square(np.subtract(prediction, target, dtype=np.float64)).sum(0)
        return np.append(squares, len(target))

    def value(self, totals: Array) -> float:
        return float(np.mean(np.sqrt(totals[:-1] / totals[-1])))


@metric
class R2(Metric):
    """Coefficient of determination R², mean over the numbers of a target: 1 is perfect, 0 no better than their mean.

    R² = 1 - Σ (prediction - target)² / Σ (target - mean)², where Σ (target - mean)² = Σ target² - (Σ target)² / n is
    taken in float64. Targets that are all equal give 1 if predicted exactly, else 0. scikit-learn's `r2_score`.
    """

    name = "r2"
    title = short = "R²"
    unit = "number"
    tasks = ("regression",)
    streams = True

    def count(self, prediction: Array, target: Array) -> Array:
        exact = target.astype(np.float64)
        squares = np.square(np.subtract(prediction, exact)).sum(0)
        return np.array([squares, exact.sum(0), np.square(exact).sum(0), np.full(len(squares), len(exact))])

    def value(self, totals: Array) -> float:
        wrong, total, squares, samples = totals
        around = squares - total**2 / samples
        constant = around <= 1e-14 * squares  # what rounding leaves of equal targets
        scores = 1 - wrong / np.where(constant, 1, around)
        return float(np.mean(np.where(constant, np.where(wrong == 0, 1.0, 0.0), scores)))
