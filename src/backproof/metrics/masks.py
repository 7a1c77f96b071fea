"""How well masks lie over each other.

Of masks of class indices, class by class; of masks of probabilities, one class, the foreground: where they are 0.5 or
more. Pixels of all images are counted together. A class that is neither there nor predicted does not count; where
no class counts, nothing was to be found and nothing was, which is 1.
"""

import numpy as np

from backproof.metrics.metric import Array, Metric, metric


class Overlap(Metric):
    """A mean over classes of what follows from pixels in both masks, in the predicted one, and in the true one."""

    tasks = ("segmentation",)
    streams = True

    def count(self, prediction: Array, target: Array) -> Array:
        if target.dtype.kind == "f":
            predicted, true = prediction >= 0.5, target >= 0.5
            sizes = [np.count_nonzero(pixels) for pixels in (predicted & true, predicted, true)]
            return np.array(sizes, np.float64)[:, None]
        classes, predicted = prediction.shape[1], prediction.argmax(1)
        labels = (target[predicted == target], predicted.ravel(), target.ravel())
        return np.array([np.bincount(pixels, minlength=classes) for pixels in labels], np.float64)

    def value(self, totals: Array) -> float:
        both, predicted, true = totals[:, totals[1] + totals[2] > 0]
        return float(np.mean(self.of_classes(both, predicted, true))) if len(both) else 1.0

    def of_classes(self, both: Array, predicted: Array, true: Array) -> Array:
        """The value of each class, from numbers of pixels."""
        raise NotImplementedError


@metric
class IoU(Overlap):
    """Intersection over union of masks, mean over the classes.

    IoU = both / (predicted + true - both), also called Jaccard index. scikit-learn's `jaccard_score(average="macro")`
    over all pixels.
    """

    name = "iou"
    title = short = "IoU"

    def of_classes(self, both: Array, predicted: Array, true: Array) -> Array:
        iou: Array = both / (predicted + true - both)
        return iou


@metric
class Dice(Overlap):
    """Dice coefficient of masks, mean over the classes.

    Dice = 2 both / (predicted + true): the F1 of pixels (Dice 1945).
    """

    name = "dice"
    title = short = "Dice"

    def of_classes(self, both: Array, predicted: Array, true: Array) -> Array:
        dice: Array = 2 * both / (predicted + true)
        return dice
