"""One or several numbers for each sample."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from backproof.graph import Array, Arrays, Loss
from backproof.ops import L1, MSE, SmoothL1
from backproof.tasks.task import Answer, Task

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


class Regression(Task):
    """Targets are numbers (n, K), and so are outputs. Kept are `predicted` and `target`, (n, K), of all samples."""

    name = "regression"

    @property
    def losses(self) -> Mapping[str, type[Loss]]:
        return {"mse": MSE, "l1": L1, "smooth_l1": SmoothL1}

    def kept(self, prediction: Array, target: Array) -> dict[str, Array]:
        return {"predicted": prediction.copy(), "target": target}

    def joined(self, first: Arrays, second: Arrays) -> dict[str, Array]:
        return {name: np.concatenate([first[name], second[name]]) for name in first}

    def figures(self, kept: Arrays) -> "dict[str, Figure]":
        from backproof.plots.scatter import residuals, scatter

        if not kept:
            return {}
        arrays = kept["predicted"], kept["target"], self.targets.names
        return {"Predicted against true": scatter(*arrays), "Residuals": residuals(*arrays)}

    def answers(self, samples: Arrays) -> list[Answer]:
        names = [f"{name} " for name in self.targets.names] if len(self.targets.names) > 1 else [""]

        def words(numbers: Array) -> str:
            return ", ".join(f"{name}{number:.4g}" for name, number in zip(names, numbers, strict=True))

        pairs = zip(samples["predicted"], samples["y"], strict=True)
        return [Answer(words(predicted), truth=words(true)) for predicted, true in pairs]
