"""Runs that are repeats of each other, and how far their results scatter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from backproof.compare.settings import subject
from backproof.runs.spec import OutputOptions
from backproof.runs.store import RunSnapshot


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (that of a sample, with n - 1) of one quantity over the repeats that have it."""

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value; the deviation of a single one is 0."""
        mean = sum(values) / len(values)
        squares = sum((value - mean) ** 2 for value in values)
        return cls(mean, sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0, len(values))


@dataclass(frozen=True)
class Repeats:
    """A group of runs equal in everything but the model seed.

    Attributes:
        names: of the runs.
        spread: by the column's key, of every number that at least one of the runs has.
    """

    names: tuple[str, ...]
    spread: Mapping[str, Spread]

    @classmethod
    def of(cls, names: Sequence[str], rows: Sequence[Mapping[str, str | float | None]]) -> "Repeats":
        """The spread of every number in `rows`, one a run."""
        spread = {}
        for key in rows[0]:
            values = [float(v) for row in rows if (v := row[key]) is not None and not isinstance(v, str)]
            if values:
                spread[key] = Spread.of(values)
        return cls(tuple(names), spread)


def group_repeats(runs: Sequence[RunSnapshot]) -> list[list[int]]:
    """Places, in `runs`, of those that differ in nothing but the model seed and what is kept; groups of two or more.

    The same seed twice is not a repeat but the same run again, so a group holds at least two seeds.
    """
    groups: dict[object, list[int]] = {}
    for place, run in enumerate(runs):
        alike = replace(run.spec, model=replace(run.spec.model, model_seed=0), output=OutputOptions())
        groups.setdefault((alike, subject(run)), []).append(place)
    return [places for places in groups.values() if len({runs[i].spec.model.model_seed for i in places}) > 1]
