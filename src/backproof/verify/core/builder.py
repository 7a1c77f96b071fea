"""One array against another: the finding, with the worst coordinate and both values in words."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from backproof.engines import DType
from backproof.errors import UserError
from backproof.graph import Array
from backproof.verify.core.finding import Finding, Verdict
from backproof.verify.core.gradient_report import TensorCheck
from backproof.verify.core.location import EVERYTHING, Location
from backproof.verify.core.tolerances import difference, relative


@dataclass(frozen=True)
class FindingBuilder:
    """What an engine is compared on, and with what; its methods give the findings.

    `variant` names the settings of the engine, if they are not the usual ones; the findings' case says so.
    """

    subject: str
    case: str
    engine: str
    dtype: DType
    reference: str = "contract"
    replay: str = ""
    variant: str = ""

    def on(self, case: str) -> "FindingBuilder":
        """The same on another case."""
        return replace(self, case=case)

    def against(self, reference: str) -> "FindingBuilder":
        """The same with other expected values."""
        return replace(self, reference=reference)

    def array(
        self,
        location: Location,
        found: Array | None,
        expected: Array,
        tolerance: float,
        measure: Callable[[Array, Array], float] = difference,
    ) -> Finding:
        """The finding on an array; `found` is None if the engine gives none."""
        if found is None:
            return self._finding(location, "differs", f"{self.engine} gives none", inf, tolerance)
        error = measure(found, expected)
        return self.measured(
            location, error, tolerance, lambda: deviation(found, expected, self.engine, self.reference)
        )

    def scaled(self, location: Location, found: Array | None, expected: Array, tolerance: float) -> Finding:
        """The finding in units of the largest expected number. What is finite in neither array is skipped."""
        if found is not None and not np.isfinite(expected).all() and not np.isfinite(found).all():
            return self.skipped(location, "neither is finite")
        return self.array(location, found, expected, tolerance, relative)

    def measured(self, location: Location, error: float, tolerance: float, detail: Callable[[], str]) -> Finding:
        """The finding on what is off by `error`; `detail` says where, if that is too much. NaN is too much."""
        if error <= tolerance:
            return self._finding(location, "agrees", "", error, tolerance)
        return self._finding(location, "differs", detail(), error, tolerance)

    def contract(self, name: str, broken: str = "") -> Finding:
        """The finding on what every engine owes; `broken` says how it is not kept, and is empty where it is."""
        finding = self._finding(Location("contract", name), "differs" if broken else "agrees", broken)
        return replace(finding, reference="contract")

    def failed(self, error: BaseException, location: Location = EVERYTHING) -> Finding:
        """The finding that it could not be computed."""
        return self._finding(location, "failed", sentence(error))

    def skipped(self, location: Location, why: str) -> Finding:
        """The finding that there is nothing to compare."""
        return self._finding(location, "skipped", why)

    def unchecked(self, location: Location, why: str) -> Finding:
        """The finding that there is no reference; `why` says what was missing."""
        return self._finding(location, "unchecked", why)

    def gradient(self, tensor: TensorCheck, tolerance: float) -> Finding:
        """The finding on what finite differences say of a tensor. Probes at kinks are counted in the detail."""
        kinks = f"{tensor.kinks} probes skipped at kinks" if tensor.kinks else ""
        if tensor.worst is not None:
            detail = "; ".join(filter(None, (f"along {tensor.worst_in_words}", kinks)))
            return self._finding(tensor.location, "differs", detail, tensor.worst.error, tolerance)
        if not tensor.checked:
            return self.skipped(tensor.location, "a kink at every probe")
        return self._finding(tensor.location, "agrees", kinks, tensor.error, tolerance)

    def _finding(
        self, location: Location, verdict: Verdict, detail: str, error: float | None = None, tolerance: float = 0.0
    ) -> Finding:
        right = verdict not in ("differs", "failed")
        return Finding(
            self.subject,
            ", ".join(filter(None, (self.case, self.variant))),
            location,
            self.engine,
            self.reference,
            self.dtype,
            (0.0 if right else inf) if error is None else error,
            tolerance,
            verdict,
            detail,
            "" if right else self.replay,
        )


def sentence(error: BaseException) -> str:
    """What an exception says: a `UserError` is a sentence by itself."""
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def deviation(found: Array, expected: Array, engine: str, reference: str) -> str:
    """One sentence: where two arrays are furthest apart, what stands there, and how much of them differs."""
    if found.shape != expected.shape:
        return f"shape {found.shape} of {engine}, {expected.shape} of {reference}"
    apart = np.abs(np.float64(found) - np.float64(expected))
    text = both_at(worst_coordinate(found, expected), found, expected, engine, reference)
    if found.size == 1:
        return text
    share = int(np.sum(~(apart <= 1e-3 * np.nanmax(np.where(np.isfinite(apart), apart, 0), initial=0))))
    return f"{text}; {share:,} of {found.size:,} elements are clearly off"


def both_at(where: tuple[int, ...], found: Array, expected: Array, engine: str, reference: str) -> str:
    """What stands at one coordinate of two arrays."""
    at = f"at [{', '.join(map(str, where))}]" if where else "the value"
    return f"{at}: {found[where]:.9g} of {engine}, {expected[where]:.9g} of {reference}"


def worst_coordinate(found: Array, expected: Array) -> tuple[int, ...]:
    """Where two arrays of one shape are furthest apart; the first NaN or infinity, if there is one."""
    apart = np.abs(np.float64(found) - np.float64(expected))
    flat = int(np.argmax(np.where(np.isnan(apart), np.inf, apart)))
    return tuple(int(i) for i in np.unravel_index(flat, found.shape))
