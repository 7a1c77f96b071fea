"""Where an optimizer has led: weights and state, and how they are compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backproof.engines import DType, Trainer
from backproof.graph import Array, Arrays
from backproof.verify.core.builder import FindingBuilder, both_at, worst_coordinate
from backproof.verify.core.case import Results
from backproof.verify.core.finding import Finding
from backproof.verify.core.location import Location
from backproof.verify.core.tolerances import EPSILON, difference

SMALLEST: dict[DType, float] = {dtype: float(np.finfo(dtype).tiny) / epsilon for dtype, epsilon in EPSILON.items()}
"""The size below which numbers are not compared relative to themselves: a denormal one may be lost altogether, which is
then a rounding error of this size."""


@dataclass(frozen=True)
class Place:
    """Where a run stands: weights and optimizer state, by name."""

    parameters: Arrays
    state: Arrays

    @classmethod
    def of(cls, trainer: Trainer) -> "Place":
        """Where a trainer stands."""
        return cls(trainer.parameters(), trainer.optimizer_state())

    @property
    def arrays(self) -> Results:
        """Everything, by what it is."""
        weights = {Location("parameter", name.removeprefix("fc.")): w for name, w in self.parameters.items()}
        return weights | {Location("optimizer state", n.replace("fc.", "")): s for n, s in self.state.items()}


def compare_step(
    found: Results, way: Sequence[Mapping[Location, Array]], comparison: FindingBuilder, allowed: float
) -> Iterator[Finding]:
    """Weights and state, each element relative to the largest that it was on the reference's `way`, which ends here.

    Elements of one state may be 20 powers of ten apart, and each of them matters.
    """
    missing = [str(location) for location in way[-1] if location not in found]
    if missing:
        yield comparison.contract("state", f"{' and '.join(missing)} is missing")
        return
    for location in way[-1]:
        yield _by_element(comparison, location, found[location], [arrays[location] for arrays in way], allowed)


def _by_element(
    comparison: FindingBuilder, location: Location, found: Array, way: Sequence[Array], allowed: float
) -> Finding:
    """The finding on one array, which was right as `way` ends."""
    expected = way[-1]
    if found.shape != expected.shape:
        return comparison.array(location, found, expected, allowed)
    size = np.maximum(np.max(np.abs(way), axis=0), SMALLEST[comparison.dtype])
    a, b = found / size, expected / size

    def detail() -> str:
        return both_at(worst_coordinate(a, b), found, expected, comparison.engine, comparison.reference)

    return comparison.measured(location, difference(a, b), allowed, detail)
