"""One or several numbers for each sample."""

from collections.abc import Mapping

import numpy as np

from backproof.graph import Array, Arrays, Loss
from backproof.ops import L1, MSE, SmoothL1
from backproof.tasks.task import Task


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
