"""The slope of a function of one number, by differences of many widths, with what may be wrong about it.

A fixed width is right for numbers near 1. Here they are from 1e-4 to 1e4, functions have kinks and jumps, and some
lose digits; so eight widths are taken, and three neighbours that agree to a thousandth give the slope, or three that
see nothing but noise:

    n(h) = (f(h) - f(-h)) / 2h,     bend(h) = (f(h) - 2 f(0) + f(-h)) / h,

where a kink has the same bend at every width, and a smooth function a bend that fades with h.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

WIDTHS = tuple(10.0**-k for k in range(2, 10))
AGREE = 1e-3
QUICK = 1e-5
"""The width that is tried first: right for most."""


@dataclass(frozen=True)
class Slope:
    """A slope, and how far it may be off."""

    value: float
    doubt: float


def quick_slope(f: Callable[[float], float]) -> float:
    """The slope at 0 by one difference."""
    return (f(QUICK) - f(-QUICK)) / (2 * QUICK)


def slope(f: Callable[[float], float], noise: float) -> Slope:
    """The slope at 0 where the widths agree best; `noise` is what rounding adds to f. The doubt is infinite at a jump.

    It holds the spread of three neighbouring widths, the bend of a kink, and the noise over the width.
    """
    here = f(0.0)
    ups, downs = [f(h) for h in WIDTHS], [f(-h) for h in WIDTHS]
    n = [(up - down) / (2 * h) for up, down, h in zip(ups, downs, WIDTHS, strict=True)]
    bends = [(up - 2 * here + down) / h for up, down, h in zip(ups, downs, WIDTHS, strict=True)]
    best = Slope(0.0, inf)
    for i in range(len(WIDTHS) - 2):
        kink = abs(bends[i + 1] - 10 * bends[i + 2]) / 9  # h f'' shrinks to a tenth and cancels
        spread = max(n[i : i + 3]) - min(n[i : i + 3])
        flat = all(abs(n[k]) * WIDTHS[k] <= 10 * noise for k in range(i, i + 3))
        doubt = spread + kink + noise / WIDTHS[i + 2]
        if (flat or spread <= AGREE * abs(n[i + 1])) and doubt < best.doubt:
            best = Slope(n[i + 1], doubt)
    return best
