"""Which of an engine's results are wrong by themselves, and which only propagate a wrong output."""

from dataclasses import replace

import numpy as np

from backproof.graph import Array
from backproof.verify.core.case import Case


def with_the_same_slope(case: Case, found: Array, expected: Array) -> Case | None:
    """The case in which the reference, whose output is `expected`, gets the gradient that went back from `found`.

    `found` is an engine's output. The loss behind an operation is mean (y - t)², and its gradient 2 (y - t) / size(y).
    Where t is moved by as much as y is off, that gradient is the same, and so must be all that is made of it.
    None if there is no such t: for an output of another shape, not finite, or without a loss behind it.
    """
    if "y" not in case.inputs or found.shape != expected.shape or not np.all(np.isfinite(found)):
        return None
    return replace(case, inputs={**case.inputs, "y": np.asarray(case.inputs["y"] + (expected - np.float64(found)))})
