"""A class for each sample."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from backproof.graph import Array, Graph, Loss
from backproof.metrics.f1 import confusion, precision_recall_f1
from backproof.ops import MSE, Hinge, NLLLoss, SoftmaxCrossEntropy
from backproof.tables import Column, Table
from backproof.tasks.probabilities import softmax
from backproof.tasks.task import Answer, Task, loss_on_output

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


class Classification(Task):
    """Targets are class indices (n,), outputs a score for each class (n, classes); the highest one is the answer.

    Kept is `confusion`, (classes, classes) int64: row is the true class, column the predicted one. Of single samples
    the class `predicted`, (n,) int64, and its `probability`, (n,) float32: where the loss knows none, its score.
    """

    name = "classification"

    @property
    def losses(self) -> Mapping[str, type[Loss]]:
        return {"cross_entropy": SoftmaxCrossEntropy, "nll": NLLLoss, "mse": MSE, "hinge": Hinge}

    def kept(self, prediction: Array, target: Array) -> dict[str, Array]:
        return {"confusion": confusion(target, prediction.argmax(1), prediction.shape[1])}

    def shown(self, output: Array, graph: Graph) -> dict[str, Array]:
        predicted, loss = output.argmax(1), loss_on_output(graph)
        if isinstance(loss, SoftmaxCrossEntropy):
            output = softmax(output)
        elif isinstance(loss, NLLLoss):
            output = np.exp(output)
        return {"predicted": predicted, "probability": output[np.arange(len(output)), predicted].astype(np.float32)}

    def figures(self, kept: Mapping[str, Array]) -> "dict[str, Figure]":
        from backproof.plots.confusion import confusion_matrix

        return {"Confusion matrix": confusion_matrix(kept["confusion"], self.targets.names)} if kept else {}

    def tables(self, kept: Mapping[str, Array]) -> Sequence[Table]:
        from backproof.plots.confusion import mistakes

        if not kept:
            return ()
        names, matrix = self.targets.names, kept["confusion"]
        often = (Column("times", "count"), Column("of the class", "fraction"))
        found = mistakes(matrix, names)
        fractions = [Column(title, "fraction") for title in ("precision", "recall", "F1")]
        each = zip(names, matrix.sum(1).tolist(), *precision_recall_f1(matrix).tolist(), strict=True)
        return (
            Table.of(["true class", "answer", *often], found, "Most frequent mistakes", () if found else ["None."]),
            Table.of(["class", Column("samples", "count"), *fractions], each, "Each class"),
        )

    def answers(self, samples: Mapping[str, Array]) -> list[Answer]:
        names = self.targets.names
        return [
            Answer(names[answer], f"{100 * sure:.0f} %", "" if answer == true else names[true], answer == true)
            for true, answer, sure in zip(
                samples["y"].tolist(), samples["predicted"].tolist(), samples["probability"].tolist(), strict=True
            )
        ]
