"""A class, or a probability, for each pixel."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from backproof.graph import BATCH, Array, Arrays, Graph, Loss, Shape
from backproof.metrics import METRICS
from backproof.metrics.f1 import confusion, precision_recall_f1
from backproof.metrics.f_beta import MaxFBeta, f_beta
from backproof.ops import MSE, BCEWithLogits, NLLLoss, Sigmoid, SoftDice, SoftmaxCrossEntropy
from backproof.tables import Column, Table
from backproof.tasks.probabilities import logistic
from backproof.tasks.task import Answer, Task, loss_on_output

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


class Segmentation(Task):
    """Targets are masks: class indices (n, H, W), or probabilities (n, 1, H, W) of being foreground.

    Outputs are a score for each class, (n, classes, H, W), or one number, (n, 1, H, W): a logit, but the probability
    itself under the loss `mse`, or behind a Sigmoid. Kept is `confusion`, (classes, classes) int64 counts of pixels,
    row the true class; or `precision_recall`, (3, 255): the sums that the maximal F-beta is made of.
    """

    name = "segmentation"
    kept_samples = 12
    unfit = "such as {model:unet} puts out"

    @property
    def losses(self) -> Mapping[str, type[Loss]]:
        if self.targets.integer:
            return {"cross_entropy": SoftmaxCrossEntropy, "nll": NLLLoss, "mse": MSE, "dice": SoftDice}
        return {"bce": BCEWithLogits, "dice": SoftDice, "mse": MSE}

    @property
    def outputs(self) -> int:
        return len(self.targets.names) if self.targets.integer else 1

    @property
    def output_shape(self) -> Shape:
        return Shape(BATCH, self.outputs, *self.targets.shape[-2:])

    def prediction(self, output: Array, graph: Graph) -> Array:
        if self.targets.integer:
            return output
        if isinstance(loss_on_output(graph), MSE) or isinstance(graph.node[graph.output].op, Sigmoid):
            return np.clip(output, 0, 1)
        return logistic(output)

    def kept(self, prediction: Array, target: Array) -> dict[str, Array]:
        if self.targets.integer:
            return {"confusion": confusion(target, prediction.argmax(1), prediction.shape[1])}
        return {"precision_recall": MaxFBeta().count(prediction, target)}

    def shown(self, output: Array, graph: Graph) -> dict[str, Array]:
        prediction = self.prediction(output, graph)
        return {"predicted": prediction.argmax(1) if self.targets.integer else prediction.astype(np.float32)}

    def figures(self, kept: Arrays) -> "dict[str, Figure]":
        from backproof.plots.confusion import confusion_matrix
        from backproof.plots.masks import overlay, wall
        from backproof.plots.pictures import sample_images
        from backproof.plots.precision_recall import precision_recall

        found: dict[str, Figure] = {}
        if "samples_x" in kept and kept["samples_x"].ndim == 4:
            samples = {name: kept[f"samples_{name}"] for name in ("x", "y", "predicted")}
            images = sample_images(samples["x"], samples["x"].shape[1:])
            veils = list(map(overlay, samples["predicted"], samples["y"]))
            found["Masks"] = wall(images, veils, [answer.text for answer in self.answers(samples)])
        if "confusion" in kept:
            found["Confusion matrix of the pixels"] = confusion_matrix(kept["confusion"], self.targets.names)
        if "precision_recall" in kept:
            precision, recall = kept["precision_recall"][:2] / kept["precision_recall"][2]
            best = int(np.argmax(f_beta(precision, recall)))
            found["Precision and recall"] = precision_recall(precision, recall, best)
        return found

    def tables(self, kept: Arrays) -> Sequence[Table]:
        if "confusion" not in kept:
            return ()
        matrix = kept["confusion"]
        sizes = matrix.sum(1)
        iou = np.diagonal(matrix) / np.maximum(sizes + matrix.sum(0) - np.diagonal(matrix), 1)
        columns = [Column(title, "fraction") for title in ("of all pixels", "precision", "recall", "Dice", "IoU")]
        shares = (sizes / max(sizes.sum(), 1), *precision_recall_f1(matrix), iou)
        rows = zip(self.targets.names, *(share.tolist() for share in shares), strict=True)
        return (Table.of(["class", *columns], rows, "Each class"),)

    def answers(self, samples: Arrays) -> list[Answer]:
        from backproof.plots.masks import overlay

        said, iou = [], METRICS["iou"]
        for predicted, true in zip(samples["predicted"], samples["y"], strict=True):
            scores = np.eye(self.outputs)[predicted].transpose(2, 0, 1) if self.targets.integer else predicted
            value = iou.value(iou.count(scores[None], true[None]))
            said.append(Answer(f"IoU {100 * value:.0f} %", overlay=overlay(predicted, true)))
        return said
