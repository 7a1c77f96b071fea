"""`--anomaly-checks`: the first NaN or infinity of a run, at the node where it arose."""

from collections.abc import Callable

import numpy as np

from backproof.engines.base import Direction
from backproof.graph import Array
from backproof.runs.checks.reaction import react
from backproof.runs.spec import Reaction
from backproof.train.events import AnomalyFound
from backproof.train.progress import Progress


class AnomalyCheck:
    """A `Watch` that looks at every value and every gradient until it finds one that is not finite.

    Args:
        reaction: "warn" reports it and goes on, "error" reports it and raises `UserError`, "pdb" reports it and
            stops in the debugger, where `array` is the value and `up` leads to the kernel's caller.
        progress: holds epoch and step.
        report: called once.
    """

    def __init__(self, reaction: Reaction, progress: Progress, report: Callable[[AnomalyFound], None]) -> None:
        self._reaction = reaction
        self._progress = progress
        self._report = report
        self._found = False

    def __call__(self, node: str, direction: Direction, array: Array) -> None:
        if self._found or np.isfinite(array).all():
            return
        self._found = True
        epoch, step = self._progress.epoch, self._progress.step + 1
        kind = "NaN" if np.isnan(array).any() else "infinity"
        what = "output" if direction == "forward" else "gradient of the output"
        message = f"epoch {epoch}, step {step}: first {kind} in the {direction} pass, in the {what} of node '{node}'"
        self._report(AnomalyFound(epoch, step, node, direction, message))
        react(self._reaction, message)
