"""How time and memory grow: t = a nᵇ, fitted by least squares to log t over log n."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from backproof.bench.measurement import Measurement

Quantity = Literal["seconds", "memory"]


@dataclass(frozen=True, kw_only=True)
class Growth:
    """t = a nᵇ over the sizes n.

    Attributes:
        a: the time (or memory) at n = 1.
        b: the exponent: 1 is proportional.
        r2: R², the share of the variance of log t that the fit explains; None for two sizes, which any line meets.
    """

    a: float
    b: float
    r2: float | None

    def at(self, n: float) -> float:
        """The fitted value."""
        return float(self.a * n**self.b)


def fit(sizes: Sequence[float], values: Sequence[float]) -> Growth:
    """Fit t = a nᵇ; sizes and values above 0, two different sizes or more."""
    x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(values, float))
    b, log_a = np.polyfit(x, y, 1)
    spread = float(np.sum((y - y.mean()) ** 2))
    left = float(np.sum((y - (log_a + b * x)) ** 2))
    r2 = None if len(set(sizes)) < 3 else 1 - left / spread if spread else 1.0
    return Growth(a=float(np.exp(log_a)), b=float(b), r2=r2)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One contender's times (or memory) against one size, all other settings equal.

    Attributes:
        contender: whose.
        subject: what was computed.
        axis: the setting that varies.
        fixed: the other settings.
        sizes: of the axis, ascending.
        values: seconds a sample-free unit (an epoch or a step), or 10⁶ bytes.
        growth: the fit.
    """

    contender: str
    subject: str
    part: str
    axis: str
    fixed: dict[str, int]
    sizes: tuple[int, ...]
    values: tuple[float, ...]
    growth: Growth


def curves(measurements: Sequence[Measurement], quantity: Quantity = "seconds") -> list[Curve]:
    """A curve for each contender and each setting but threads that takes two values or more while the others stand."""
    axes = dict.fromkeys(axis for m in measurements for axis in m.settings if axis != "threads")
    found = []
    for axis in axes:
        having = [m for m in measurements if axis in m.settings]

        def others(m: Measurement, axis: str = axis) -> tuple[str, ...]:
            fixed = {name: value for name, value in m.settings.items() if name != axis}
            return (m.subject, m.part, str(sorted(fixed.items())), m.contender)

        order = {m.contender: i for i, m in reversed(list(enumerate(having)))}
        ranked = sorted(having, key=lambda m: (*others(m)[:3], order[m.contender], m.settings[axis]))
        for _, group in groupby(ranked, key=others):
            members = list(group)
            values = [m.median if quantity == "seconds" else m.peak_memory_mb for m in members]
            if len(members) < 2 or None in values:
                continue
            known = [value for value in values if value is not None]
            sizes = tuple(m.settings[axis] for m in members)
            found.append(
                Curve(
                    contender=members[0].contender,
                    subject=members[0].subject,
                    part=members[0].part,
                    axis=axis,
                    fixed={name: value for name, value in members[0].settings.items() if name != axis},
                    sizes=sizes,
                    values=tuple(known),
                    growth=fit(sizes, known),
                )
            )
    return found
