"""One number to explain: the score of a class, or that of the pixels that were taken for it.

The score is the network's own output, before a Softmax or Sigmoid at its end, as Simonyan et al. 2014 advise: behind a
Softmax a class also gains by what the others lose. It is picked by a loss that every engine has: without a mean,
`NLLLoss` is minus the sum of the outputs that labels name, so its gradient is minus the score's.
"""

from dataclasses import dataclass, replace

import numpy as np

from backproof.errors import ModelError
from backproof.graph import Array, Graph
from backproof.models.logits import logits
from backproof.ops import NLLLoss

LABEL, SCORE = "label of the score", "minus the score"
"""Names with spaces, which no node of a network has."""

LEFT_OUT = -1
"""The label of what does not count."""


def ending_in_score(graph: Graph) -> Graph:
    """The network without loss, auxiliary outputs and a last Softmax or Sigmoid, followed by minus the score."""
    return logits(replace(graph, auxiliary=())).with_loss(NLLLoss(reduction="sum", ignore_index=LEFT_OUT), LABEL, SCORE)


@dataclass(frozen=True)
class Score:
    """Which numbers of the output make up the score.

    Attributes:
        target: the class, or which number of a regression.
        labels: (1,), or (1, H, W) where each pixel has scores: the target, or `LEFT_OUT`. int64.
    """

    target: int
    labels: Array

    def of(self, outputs: Array) -> Array:
        """The score of each sample: outputs (n, C, ...) -> (n,) float64."""
        chosen = outputs[:, self.target].astype(np.float64) * (self.labels == self.target)
        return np.asarray(chosen.reshape(len(outputs), -1).sum(1))


def score_for(output: Array, target: int | None, *, threshold: float = 0.0) -> Score:
    """What is to be explained of one answer, (1, C) or (1, C, H, W): by default the likeliest class.

    Of masks the score is summed over the pixels of the class, as in Vinogradova et al. 2020 (Seg-Grad-CAM): by default
    of the class that most pixels have, the background (0) last. Of masks with one number a pixel, the pixels above
    `threshold`; all of them where there is none. Raises `UserError` if there is no such class.
    """
    count = output.shape[1]
    if target is not None and not 0 <= target < count:
        raise ModelError(f"there is no class {target} to explain; the network puts out {count}, counted from 0")
    if output.ndim == 2:
        target = int(output[0].argmax()) if target is None else target
        return Score(target, np.array([target]))
    if count == 1:
        inside = output[:, 0] > threshold
        return Score(0, np.where(inside | ~inside.any(), 0, LEFT_OUT))
    classes = output.argmax(1)
    if target is None:
        sizes = np.bincount(classes.ravel(), minlength=count)
        target = int(sizes[1:].argmax()) + 1 if sizes[1:].any() else 0
    inside = classes == target
    return Score(target, np.where(inside | ~inside.any(), target, LEFT_OUT))
