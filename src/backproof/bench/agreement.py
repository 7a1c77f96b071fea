"""Contenders that compute different things are not timed."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from backproof.bench.job import Job
from backproof.bench.process import Process
from backproof.errors import UserError
from backproof.graph import Array

AGREEMENT = 1e-6
"""Relative difference of results in float64, ‖a - b‖ / ‖b‖, that is still agreement. Rounding makes less than 1e-9 in
a deep network, a wrong formula far more."""

SINGLE = 1e-4
"""The same where a contender computes in float32 alone, as ONNX Runtime does: 1e-6 in ResNet-18."""

FIRST_LOSS = 1e-3
"""Relative difference of the float32 loss of the first step, which shows that what is timed is what was compared."""

NOTHING = 1e-9
"""A gradient this much smaller than the largest one is 0 but for rounding: as of a bias before batch normalisation."""


def require_agreement(jobs: Sequence[Job]) -> float:
    """Let each contender compute in float64 from the same weights, and raise `UserError` where two differ.

    Outputs, gradients, and the losses of the first training steps are compared, as far as contenders show them. Each
    has a process of its own, which is not the one that is timed later, because doubled memory would spoil its peak.
    Returns the largest relative difference.
    """
    worst = 0.0
    with ExitStack() as open_processes:
        first, *others = [open_processes.enter_context(Process(replace(job, dtype="float64"))) for job in jobs]
        right = _evidence(first)
        for other in others:
            found = _evidence(other)
            what, difference = largest_difference(found, right)
            dtype = "float32" if any(a.dtype == np.float32 for a in (*found.values(), *right.values())) else "float64"
            if not difference <= (AGREEMENT if dtype == "float64" else SINGLE):
                raise UserError(
                    f"'{other.job.contender}' and '{first.job.contender}' disagree: their {what} are "
                    f"{difference:.1e} apart, relative, in {dtype}; times would mean nothing"
                )
            worst = max(worst, difference)
    return worst


def _evidence(process: Process) -> dict[str, Array]:
    """What the process computes, which then has done its work: its memory is given back at once."""
    process.ready()
    found = process.evidence()
    process.close()
    return found


def largest_difference(a: Mapping[str, Array], b: Mapping[str, Array]) -> tuple[str, float]:
    """Name and relative difference of what is furthest apart, among what both have; NaN counts as furthest."""
    shared = [name for name in a if name in b]
    gradients = [float(np.linalg.norm(b[name])) for name in shared if "gradient" in name]
    floor = NOTHING * max(gradients, default=0.0)
    worst = ("results", 0.0 if shared else np.inf)
    for name in shared:
        if a[name].shape != b[name].shape:
            return f"shapes of {name}", np.inf
        size = max(float(np.linalg.norm(b[name])), floor)
        apart = float(np.linalg.norm(a[name] - b[name]))
        difference = apart / size if size else apart
        if not difference <= worst[1]:
            worst = (name, difference)
    return worst


def require_first_losses(processes: Sequence[Process]) -> None:
    """Raise `UserError` where the float32 losses of the first steps differ."""
    known = [(process.job.contender, process.first_loss) for process in processes]
    losses = {name: loss for name, loss in known if loss is not None}
    for name, loss in losses.items():
        first, right = next(iter(losses.items()))
        if not abs(loss - right) <= FIRST_LOSS * abs(right):
            raise UserError(f"'{name}' and '{first}' disagree: the first loss is {loss} and {right}, in float32")
