"""Where engines part, all of them side by side: who agrees with whom, what numbers say of each, and who is wrong.

No engine is its own reference, and the reference may be wrong too. Two kinds of evidence decide, neither of which takes
the reference's word:

*Finite differences.* A gradient is the derivative of a value that the same engine computes, so each engine is held
against its own values: moved along the direction in which two gradients differ most, by how much does the result move?
An engine whose gradient says something else is contradicted.

*Agreement.* Where numbers do not decide, as on values, the more makes of engine agree on it, the better a result is
founded; engines that share code count once. While as many stand on either side, further ones are asked: the plain
loops, if they are not too slow, and other installed engines. Where nobody is left to ask, the reference is believed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.engines import ENGINES, Engine, get_engine, installed, reference_engine
from backproof.errors import UserError
from backproof.graph import Array, Graph
from backproof.verify.core.location import Location
from backproof.verify.core.tolerances import relative

CONTRADICTED = 0.25
"""How far an engine's derivative may be from numbers, as a share of what it differs by from another's. 0 is right, 1 is
as far off as the other one is right."""

CALM = 0.1
"""How much the numbers may depend on the step, as a share of the same, to count."""

STEPS = (1e-2, 1e-4, 1e-6)
"""Relative to the largest number that is moved. Long steps cross kinks and bend, short ones drown in rounding: the one
counts whose half gives most nearly the same."""


@dataclass(frozen=True)
class Dispute:
    """One array on which engines part.

    Attributes:
        subject, location: which array.
        groups: names of engines that agree, the reference's group first.
        numbers: by engine, how far finite differences are from its gradient, as a share of what the groups differ by;
            empty where there are none, or where they do not decide.
        wrong: who is.
        alone: nobody confirms the reference, or the other side, which is therefore believed.
    """

    subject: str
    location: Location
    groups: tuple[tuple[str, ...], ...]
    numbers: Mapping[str, float] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()
    alone: bool = False

    def __str__(self) -> str:
        parts = " | ".join(", ".join(group) for group in self.groups)
        text = f"{self.location} of {self.subject}, side by side: {parts}"
        if self.numbers:
            against = [name for name, error in self.numbers.items() if error > CONTRADICTED]
            others = [name for name in self.numbers if name not in against]
            text += f"; finite differences contradict {', '.join(against) or 'nobody'}"
            text += f" and agree with {', '.join(others)}" if others and against else ""
        return f"{text}; nobody else is there to decide, and the reference is believed" if self.alone else text


@dataclass(frozen=True)
class Voice:
    """What an engine makes of an array; None if it gives none."""

    engine: Engine
    value: Array | None

    @property
    def numbers(self) -> Array | None:
        """The array in float64, if it is finite."""
        return self.value.astype(np.float64) if self.value is not None and np.isfinite(self.value).all() else None


Derivative = Callable[[Engine, Array], tuple[float, float] | None]
"""How fast an engine's own result moves along a direction, by numbers, and how unsure that is; None: not to be had."""


def settle(
    subject: str,
    location: Location,
    voices: Sequence[Voice],
    allowed: float,
    more: Iterator[Voice],
    derivative: Derivative | None = None,
) -> tuple[Dispute, list[Engine]]:
    """The dispute, and who is wrong in it. The first of `voices` is the reference; `more` are asked if they must be."""
    heard = list(voices)
    reference = heard[0]

    def agree(a: Voice, b: Voice) -> bool:
        if a.value is None or b.value is None:
            return a.value is b.value
        return relative(a.value, b.value) <= allowed or relative(b.value, a.value) <= allowed

    others = [voice for voice in heard if not agree(voice, reference)]
    if not others:
        return Dispute(subject, location, (tuple(_labels(heard)),)), []
    numbers = _numbers(heard, others, derivative) if derivative is not None else {}
    contradicted = [voice for place, voice in enumerate(heard) if numbers.get(place, 0.0) > CONTRADICTED]
    outvoted = alone = False
    if not contradicted:
        other = max(others, key=lambda voice: len(_makes(heard, voice, agree)))
        while len(_makes(heard, other, agree)) >= len(_makes(heard, reference, agree)):
            asked = next(more, None)
            if asked is None:
                break
            heard.append(asked)
        alone = len(_makes(heard, other, agree)) == len(_makes(heard, reference, agree))
        outvoted = len(_makes(heard, other, agree)) > len(_makes(heard, reference, agree))
    names = _labels(heard)
    groups: list[list[int]] = []
    for place, voice in enumerate(heard):
        group = next((g for g in groups if agree(heard[g[0]], voice)), None)
        groups.append([place]) if group is None else group.append(place)
    reference_wrong = outvoted or any(voice is reference for voice in contradicted)
    wrong = [
        place
        for place, voice in enumerate(heard)
        if voice in contradicted or (agree(voice, reference) if reference_wrong else voice in others)
    ]
    dispute = Dispute(
        subject,
        location,
        tuple(tuple(names[place] for place in group) for group in groups),
        {names[place]: error for place, error in numbers.items()},
        tuple(names[place] for place in wrong),
        alone,
    )
    return dispute, [heard[place].engine for place in wrong]


def _numbers(heard: Sequence[Voice], others: Sequence[Voice], derivative: Derivative) -> dict[int, float]:
    """Of each voice by its place, how far its own numbers are from its gradient; nothing where they do not decide."""
    reference, found = heard[0], dict[int, float]()
    for other in others:
        a, b = other.numbers, reference.numbers
        if a is None or b is None or a.shape != b.shape:
            continue
        apart = a - b
        direction = apart / np.max(np.abs(apart))
        gap = float(np.sum(apart * direction))
        for place, voice in enumerate(heard):
            if (value := voice.numbers) is None or value.shape != apart.shape:
                continue
            measured = derivative(voice.engine, direction)
            if measured is None or not measured[1] <= CALM * gap:
                continue
            claimed = float(np.sum(value * direction))
            found[place] = max(found.get(place, 0.0), abs(claimed - measured[0]) / gap)
    # Both sides of a difference have to be known, and one of them confirmed: else nothing follows.
    known = {id(heard[place]) for place in found}
    both = id(reference) in known and any(id(other) in known for other in others)
    return found if both and min(found.values()) <= CONTRADICTED else {}


def slope_along(moved: Callable[[float], float], size: float) -> tuple[float, float]:
    """The derivative at 0 of `moved`, which is 0 there, and how unsure it is. `size`: of the numbers that are moved.

    At a kink the steps up and down differ: what one is, the other is not, and that is how unsure the mean of both is.
    """
    best = (np.nan, np.inf)
    for step in STEPS:
        h = step * (size or 1.0)
        full, (up, down) = (moved(h) - moved(-h)) / (2 * h), (moved(h / 2), moved(-h / 2))
        half, bend = (up - down) / h, (up + down) / h
        unrest = max(abs(full - half), abs(bend))
        if unrest < best[1]:
            best = ((4 * half - full) / 3, unrest)
    return best


def _makes(heard: Sequence[Voice], side: Voice, agree: Callable[[Voice, Voice], bool]) -> set[type]:
    """The makes of engine that agree with one voice."""
    return {make(voice.engine) for voice in heard if agree(voice, side)}


def make(engine: Engine) -> type:
    """The class that an engine's code began with: an engine that inherits another is of its make."""
    classes = list(type(engine).__mro__[:-1])
    return ([cls for cls in classes if "name" in vars(cls)] or classes)[-1]


def make_of_updates(engine: Engine) -> type | str:
    """The same for the updates of optimizers, whose formulas both forms of the reference engine share."""
    return engine.name if engine.name == reference_engine().name else make(engine)


def _labels(heard: Sequence[Voice]) -> list[str]:
    """Names; the two forms of the reference engine have one, and the second gets another."""
    names: list[str] = []
    for voice in heard:
        name = voice.engine.name
        if name in names:
            name = "plain loops" if voice.engine.capabilities.speed == "loops" else f"another {name}"
        names.append(name)
    return names


def bystanders(graph: Graph, present: Iterable[Engine]) -> Iterator[Engine]:
    """Installed engines of other makes than those `present`, which have all operations and train in float64."""
    makes = {make(engine) for engine in present}
    needed = {type(node.op) for node in graph.nodes}
    for name in ENGINES:
        if name == "reference" or not installed(name):
            continue
        try:
            engine = get_engine(name)
        except (UserError, ImportError):
            continue
        able = engine.capabilities.trains and engine.capabilities.exact and "float64" in engine.capabilities.dtypes
        if able and make(engine) not in makes and needed <= set(engine.operations):
            makes.add(make(engine))
            yield engine


def same_code(a: Engine, b: Engine, op: type[Any]) -> bool:
    """Whether two hand-written engines compute an operation by the same kernel."""
    kernels = [getattr(getattr(engine, "trainer", None), "kernels", {}).get(op) for engine in (a, b)]
    return kernels[0] is not None and kernels[0] is kernels[1]


def computes_as_numpy(engine: Engine) -> bool:
    """Whether it takes the NumPy kernels that users write: the reference engine does, NumPy, and what inherits it."""
    return engine.capabilities.replaceable or engine.name == reference_engine().name
