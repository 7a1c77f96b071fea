"""One array held against another: the finding, with the worst coordinate and both values in words."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backproof.engines import DType
from backproof.errors import UserError
from backproof.graph import Array
from backproof.verify.core.finding import Finding, Verdict
from backproof.verify.core.tolerances import difference


@dataclass(frozen=True)
class Question:
    """What all findings on one case have in common: who is asked about what."""

    subject: str
    case: str
    engine: str
    dtype: DType
    replay: str = ""

    def judged(self, what: str, found: Array, expected: Array, judge: str, tolerance: float) -> Finding:
        """The finding on an array, against what `judge` says."""
        error = difference(found, expected)
        return self.measured(what, error, judge, tolerance, lambda: parting(found, expected, self.engine, judge))

    def measured(self, what: str, error: float, judge: str, tolerance: float, detail: Callable[[], str]) -> Finding:
        """The finding on what is off by `error`; `detail` says where, if that is too much. NaN is too much."""
        agrees = error <= tolerance
        return Finding(
            self.subject,
            self.case,
            what,
            self.engine,
            judge,
            self.dtype,
            error,
            tolerance,
            "agrees" if agrees else "differs",
            "" if agrees else detail(),
            "" if agrees else self.replay,
        )

    def promised(self, what: str, broken: str = "") -> Finding:
        """The finding on a promise that every engine gives; `broken` says how, and is empty where it is kept."""
        return self._without_numbers(what, "contract", "differs" if broken else "agrees", broken)

    def failed(self, what: str, error: BaseException) -> Finding:
        """The finding that it could not be computed."""
        return self._without_numbers(what, "contract", "failed", sentence(error))

    def left_out(self, what: str, why: str, judge: str = "contract") -> Finding:
        """The finding that it was not judged."""
        return self._without_numbers(what, judge, "left out", why)

    def _without_numbers(self, what: str, judge: str, verdict: Verdict, detail: str) -> Finding:
        error = 0.0 if verdict in ("agrees", "left out") else float("inf")
        replay = "" if verdict in ("agrees", "left out") else self.replay
        return Finding(
            self.subject, self.case, what, self.engine, judge, self.dtype, error, 0.0, verdict, detail, replay
        )


def sentence(error: BaseException) -> str:
    """What an exception says: a `UserError` is a sentence by itself."""
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def parting(found: Array, expected: Array, engine: str, judge: str) -> str:
    """One sentence: where two arrays are furthest apart, what stands there, and how much of them differs."""
    if found.shape != expected.shape:
        return f"shape {found.shape} of {engine}, {expected.shape} of {judge}"
    apart = np.abs(np.float64(found) - np.float64(expected))
    text = both_at(worst_coordinate(found, expected), found, expected, engine, judge)
    if found.size == 1:
        return text
    share = int(np.sum(~(apart <= 1e-3 * np.nanmax(np.where(np.isfinite(apart), apart, 0), initial=0))))
    return f"{text}; {share:,} of {found.size:,} elements are clearly off"


def both_at(where: tuple[int, ...], found: Array, expected: Array, engine: str, judge: str) -> str:
    """What stands at one coordinate of two arrays."""
    at = f"at [{', '.join(map(str, where))}]" if where else "the value"
    return f"{at}: {found[where]:.9g} of {engine}, {expected[where]:.9g} of {judge}"


def worst_coordinate(found: Array, expected: Array) -> tuple[int, ...]:
    """Where two arrays of one shape are furthest apart; the first NaN or infinity, if there is one."""
    apart = np.abs(np.float64(found) - np.float64(expected))
    flat = int(np.argmax(np.where(np.isnan(apart), np.inf, apart)))
    return tuple(int(i) for i in np.unravel_index(flat, found.shape))
