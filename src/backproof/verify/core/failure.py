"""What is needed to see a failure again: the network, the numbers that went in, and both answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backproof.graph import Array, Arrays
from backproof.optim import Optimizer
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import Case
from backproof.verify.core.finding import Finding
from backproof.verify.core.location import Location


@dataclass(frozen=True)
class Failure:
    """A case on which an engine was wrong.

    Attributes:
        comparison: which engine was wrong, on what, against which reference.
        case: what went in: for a training step, the weights before it.
        found: the engine's results.
        expected: the reference's, for the same inputs.
        tolerance: how far the two might have been apart.
        optimizer: the optimizer, where a training step was checked.
        state: its state before the step.
    """

    comparison: FindingBuilder
    case: Case
    found: Mapping[Location, Array]
    expected: Mapping[Location, Array]
    tolerance: float
    optimizer: Optimizer | None = None
    state: Arrays = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A short name, for a file."""
        return f"{self.comparison.subject}-{self.comparison.engine}-{self.comparison.dtype}"


Keep = Callable[[Failure], str]
"""Called with each failure; returns the command line that replays it."""


def kept(findings: Sequence[Finding], keep: Keep | None, failure: Failure) -> Sequence[Finding]:
    """All findings of one comparison. If one of them is wrong, `failure` is kept, and those say how it is replayed."""
    if keep is None or all(f.passed for f in findings):
        return findings
    replay = keep(failure)
    return [f if f.passed else replace(f, replay=replay) for f in findings]
