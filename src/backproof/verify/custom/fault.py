"""What does not hold on a case that was drawn, and what was compared without a fault."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from math import inf, isfinite

from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.finding import Finding
from backproof.verify.core.location import EVERYTHING, Location

AGAIN = Location("contract", "the same again")

PERTURBATIONS = 6
"""How often the numbers of a case are perturbed."""

Key = tuple[Location, str]
"""What is compared, and with what."""


@dataclass(frozen=True)
class Fault:
    """What does not hold on a case."""

    location: Location
    reference: str
    error: float
    tolerance: float
    detail: Callable[[], str]

    @property
    def key(self) -> Key:
        """What it is, whatever the case."""
        return self.location, self.reference

    def on(self, case: object) -> str:
        """A sentence on the case."""
        against = "" if self.reference == "contract" else f", reference: {self.reference}"
        return f"{case}: {self.location}{against}: {self.detail()}"

    def finding(self, comparison: FindingBuilder, case: object, numbers: str) -> Finding:
        """The finding, with the case's `numbers` in words."""
        comparison = comparison.against(self.reference).on(f"{case}, the smallest case found")
        detail = f"{numbers}: {self.detail()}"
        if self.location == EVERYTHING:
            return replace(comparison.failed(RuntimeError()), detail=detail)
        if self.reference == "contract":
            return comparison.contract(self.location.name, detail)
        error = self.error if isfinite(self.error) else float("nan")
        return comparison.measured(self.location, error, self.tolerance, lambda: detail)


def broken(location: Location, detail: str | Callable[[], str]) -> Fault:
    """A fault against what every part owes."""
    return Fault(location, "contract", inf, 0.0, detail if callable(detail) else lambda: detail)


@dataclass
class Seen:
    """What was compared without a fault: how often, and the worst."""

    count: int = 0
    error: float = 0.0
    tolerance: float = 0.0

    def add(self, error: float, tolerance: float) -> None:
        """One more comparison."""
        self.count += 1
        if not self.tolerance or error / tolerance > self.error / self.tolerance:
            self.error, self.tolerance = error, tolerance


@dataclass
class Compared:
    """All that was compared without a fault."""

    seen: dict[Key, Seen] = field(default_factory=dict, init=False)

    def right(self, location: Location, reference: str = "contract", error: float = 0.0, allowed: float = 1.0) -> None:
        """One more comparison without a fault."""
        self.seen.setdefault((location, reference), Seen()).add(error, allowed)

    def findings(self, comparison: FindingBuilder, drawn: str, but: Collection[Key]) -> Iterator[Finding]:
        """One for each thing that was compared, `but` those; `drawn` says what the cases are."""
        for (location, reference), seen in self.seen.items():
            if (location, reference) in but:
                continue
            finding = comparison.against(reference).on(f"{seen.count} {drawn} drawn")
            if reference == "contract":
                yield finding.contract(location.name)
            else:
                yield finding.measured(location, seen.error, seen.tolerance, str)
