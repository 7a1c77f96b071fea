"""Trainers whose results are not the caller's."""

import numpy as np

from backproof.engines.base import EVALUATION
from backproof.engines.reference.trainer import ReferenceTrainer
from backproof.ops import Flatten, ReLU, Reshape
from faults.fault import wrong_trainer


@wrong_trainer(Flatten, Reshape, at="results belong to the caller")
class ResultAliasesTheInput(ReferenceTrainer):
    """The result of a change of shape is a view of the array that the caller has given."""

    def forward(self, inputs, mode=EVALUATION, want=()):
        found = super().forward(inputs, mode, want)
        return found | {name: inputs["x0"].reshape(y.shape) for name, y in found.items() if name == "op"}


@wrong_trainer(ReLU, at="results belong to the caller")
class OneBufferForAllPasses(ReferenceTrainer):
    """Each pass writes its results over those of the last one."""

    def forward(self, inputs, mode=EVALUATION, want=()):
        found = super().forward(inputs, mode, want)
        kept = vars(self).setdefault("kept", {name: np.empty_like(value) for name, value in found.items()})
        for name, value in found.items():
            np.copyto(kept[name], value) if name in kept else kept.update({name: value})
        return {name: kept[name] for name in found}
