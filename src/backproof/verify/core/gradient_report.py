"""What a gradient check found, probe by probe and tensor by tensor."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from backproof.verify.core.location import Location

TensorKind = Literal["parameter", "input"]


@dataclass(frozen=True)
class Probe:
    """One comparison: where, both derivatives, and what came of it."""

    where: str
    analytical: float
    numerical: float
    error: float
    verdict: Literal["agrees", "kink", "differs"]


@dataclass(frozen=True)
class TensorCheck:
    """What the probes of one parameter or input found. `largest` is that of the gradient's elements, in size."""

    name: str
    kind: TensorKind
    probes: tuple[Probe, ...]
    largest: float

    @property
    def location(self) -> Location:
        """Whose gradient it is."""
        return Location("gradient of parameter" if self.kind == "parameter" else "gradient of input", self.name)

    @property
    def passed(self) -> bool:
        """No probe differs."""
        return all(probe.verdict != "differs" for probe in self.probes)

    @property
    def checked(self) -> int:
        """Probes away from kinks."""
        return sum(probe.verdict != "kink" for probe in self.probes)

    @property
    def kinks(self) -> int:
        """Probes skipped."""
        return sum(probe.verdict == "kink" for probe in self.probes)

    @property
    def worst(self) -> Probe | None:
        """The probe that differs most, or None where all agree."""
        return max((p for p in self.probes if p.verdict == "differs"), key=lambda p: p.error, default=None)

    @property
    def error(self) -> float:
        """The largest error of the probes away from kinks."""
        return max((probe.error for probe in self.probes if probe.verdict != "kink"), default=0.0)

    @property
    def worst_in_words(self) -> str:
        """Where the worst probe is, with both derivatives; empty where all agree."""
        if self.worst is None:
            return ""
        a, n = self.worst.analytical, self.worst.numerical
        return f"{self.worst.where}: analytical {a:.12g}, numerical {n:.12g}"

    def __str__(self) -> str:
        line = f"{self.kind} {self.name}: error {self.error:.1e} of gradients up to {self.largest:.1e}"
        line += f", {self.checked} probes, {self.kinks} at kinks"
        return f"{line}; WRONG at {self.worst_in_words}" if self.worst else line


@dataclass(frozen=True)
class GradientReport:
    """The gradient check of a network, by tensor.

    A cost that is not finite has no gradient: then no tensor is checked, and none is wrong.
    """

    tensors: tuple[TensorCheck, ...]
    cost: float

    @property
    def passed(self) -> bool:
        """Every tensor passed, and every tensor could be checked somewhere."""
        return not self.diverged and all(tensor.passed and tensor.checked for tensor in self.tensors)

    @property
    def diverged(self) -> bool:
        """The cost is not finite."""
        return not isfinite(self.cost)

    @property
    def failures(self) -> tuple[TensorCheck, ...]:
        """The tensors whose gradient is wrong."""
        return tuple(tensor for tensor in self.tensors if not tensor.passed)

    @property
    def unchecked(self) -> tuple[TensorCheck, ...]:
        """The tensors of which nothing could be said: a kink at every probe."""
        return tuple(tensor for tensor in self.tensors if not tensor.checked)

    @property
    def error(self) -> float:
        """The largest error of any tensor."""
        return max((tensor.error for tensor in self.tensors), default=0.0)

    @property
    def kinks(self) -> int:
        """Probes skipped."""
        return sum(tensor.kinks for tensor in self.tensors)

    def __str__(self) -> str:
        if self.diverged:
            return f"the cost is {self.cost}: the training has diverged, and there are no gradients to check"
        return "\n".join(map(str, self.tensors))
