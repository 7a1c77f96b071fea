"""What is needed to see a fault again: the network, the numbers that went in, and both answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from backproof.engines import DType, Mode
from backproof.graph import Arrays, Graph
from backproof.optim import Optimizer
from backproof.verify.core.case import Case
from backproof.verify.core.comparison import Question
from backproof.verify.core.finding import Finding


@dataclass(frozen=True)
class Failure:
    """A case on which an engine was wrong.

    Attributes:
        name: a short name, for a file.
        engine: who was wrong.
        judge: who said so.
        dtype: what the engine computed in.
        graph: the network.
        parameters: its weights, as they were before.
        inputs: what went in.
        mode: how the pass was taken.
        found: the engine's answers by what they are.
        expected: the judge's, to the same inputs.
        tolerance: how far the two might have been apart.
        optimizer: the optimizer, where a training step was checked.
        state: its state before the step.
    """

    name: str
    engine: str
    judge: str
    dtype: DType
    graph: Graph
    parameters: Arrays
    inputs: Arrays
    mode: Mode
    found: Arrays
    expected: Arrays
    tolerance: float
    optimizer: Optimizer | None = None
    state: Arrays = field(default_factory=dict)


Keep = Callable[[Failure], str]
"""Told of each failure; returns the command line that replays it."""


def kept(
    findings: Sequence[Finding],
    keep: Keep | None,
    ask: Question,
    case: Case,
    judge: str,
    found: Arrays,
    expected: Arrays,
    tolerance: float,
    *,
    optimizer: Optimizer | None = None,
    state: Arrays | None = None,
) -> Sequence[Finding]:
    """The findings on `case`. If some are faults, the case is kept, and these say how it is replayed.

    Args:
        findings: all that `ask` got on the case.
        keep: told of the failure; None: nothing is kept.
        found: what the engine made of the case, `expected` what `judge` did; `tolerance` lay between them.
        optimizer: with its `state` before the step, where the case is a training step.
    """
    if keep is None or all(f.passed for f in findings):
        return findings
    failure = Failure(
        name=f"{ask.subject}-{ask.engine}-{ask.dtype}",
        engine=ask.engine,
        judge=judge,
        dtype=ask.dtype,
        graph=case.graph,
        parameters=case.parameters,
        inputs=case.inputs,
        mode=case.mode,
        found=found,
        expected=expected,
        tolerance=tolerance,
        optimizer=optimizer,
        state=state or {},
    )
    replay = keep(failure)
    return [f if f.passed else replace(f, replay=replay) for f in findings]
