"""One array held against another: the finding, with the worst coordinate and both values in words."""

import numpy as np

from backproof.engines import DType
from backproof.graph import Array
from backproof.verify.finding import Finding
from backproof.verify.tolerances import difference


def judged(
    found: Array,
    expected: Array,
    *,
    subject: str,
    case: str,
    what: str,
    engine: str,
    judge: str,
    dtype: DType,
    tolerance: float,
    replay: str = "",
) -> Finding:
    """The finding on `found`, which `engine` made, where `judge` made `expected`. A NaN that only one has is a fault."""
    error = difference(found, expected)
    agrees = error <= tolerance
    return Finding(
        subject,
        case,
        what,
        engine,
        judge,
        dtype,
        error,
        tolerance,
        "agrees" if agrees else "differs",
        "" if agrees else parting(found, expected, engine, judge),
        "" if agrees else replay,
    )


def parting(found: Array, expected: Array, engine: str, judge: str) -> str:
    """One sentence: where two arrays are furthest apart, what stands there, and how much of them differs."""
    if found.shape != expected.shape:
        return f"shape {found.shape} of {engine}, {expected.shape} of {judge}"
    apart = np.abs(np.float64(found) - np.float64(expected))
    where = worst_coordinate(found, expected)
    at = f"at [{', '.join(map(str, where))}]" if where else "the value"
    text = f"{at}: {found[where]:.9g} of {engine}, {expected[where]:.9g} of {judge}"
    if found.size == 1:
        return text
    share = int(np.sum(~(apart <= 1e-3 * np.nanmax(np.where(np.isfinite(apart), apart, 0), initial=0))))
    return f"{text}; {share:,} of {found.size:,} elements are clearly off"


def worst_coordinate(found: Array, expected: Array) -> tuple[int, ...]:
    """Where two arrays of one shape are furthest apart; the first NaN, if there is one."""
    apart = np.abs(np.float64(found) - np.float64(expected))
    flat = int(np.argmax(np.where(np.isnan(apart), np.inf, apart)))
    return tuple(int(i) for i in np.unravel_index(flat, found.shape))
