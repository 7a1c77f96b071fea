"""What must hold for every optimizer, on steps that the check draws, and against a formula beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Any

import numpy as np

from backproof.errors import UserError
from backproof.graph import Array
from backproof.optim import Optimizer
from backproof.verify.core.builder import sentence
from backproof.verify.core.location import EVERYTHING, Location
from backproof.verify.core.rounding import perturbed
from backproof.verify.core.tolerances import EPSILON
from backproof.verify.custom.fault import AGAIN, PERTURBATIONS, Compared, Fault, broken

Update = Callable[..., tuple[Any, ...]]
"""(optimizer, w, g, lr, t, *slots) -> (w, *slots)."""

WEIGHT = Location("parameter", "weight")
SHARED = Location("contract", "nothing kept between parameters")
CUT = Location("contract", "the same however parameters are cut")
DECAY = Location("contract", "decay left to the engine")
RATE = Location("contract", "the schedule reaches it")
SMOOTH = Location("contract", "no jump where the schedule begins")
FINITE = Location("contract", "finite")
DOWNHILL = Location("contract", "it goes downhill")

CALLS = 300

WHY = "an update keeps all state in the slots, and draws nothing at random"

CLOSE = 1e-10
"""How far apart two ways to take a step may be, relative to the weight, where nothing loses digits."""

SHIFT = 1e-9
"""The relative change of the rate at which a step may not jump."""


@dataclass(frozen=True)
class Steps:
    """An optimizer, one parameter, and its gradients, step by step.

    Attributes:
        optimizer: with its settings and schedule.
        w: the weights before the first step, (n,).
        gradients: (steps, n).
        other: gradients of another parameter, whose steps come in between; None if there is none.
    """

    optimizer: Optimizer
    w: Array
    gradients: Array
    other: Array | None = None

    def __str__(self) -> str:
        steps, n = self.gradients.shape
        return f"{settings_in_words(self.optimizer)}, {steps} step{'s' * (steps != 1)} of {n} number{'s' * (n != 1)}"


def settings_in_words(optimizer: Optimizer, prefix: str = "") -> str:
    """What makes it again: `Lion(beta1=0.45)`, without settings at their defaults."""
    usual = type(optimizer)()
    changed = {name: getattr(optimizer, name) for name in vars(optimizer)}
    given = [f"{name}={value!r}" for name, value in changed.items() if value != getattr(usual, name)]
    return f"{prefix}{type(optimizer).__name__}({', '.join(given)})"


Places = list[tuple[Array, ...]]
"""Weights and state before the first step, and after each."""


def start_of(steps: Steps, part: slice = slice(None)) -> tuple[Array, ...]:
    """Weights and state before the first step."""
    o, w = steps.optimizer, steps.w[part]
    return (w.copy(), *(np.full_like(w, o.initial_slot(slot)) for slot in o.slots))


def take(update: Update, o: Optimizer, place: tuple[Array, ...], g: Array, step: int) -> tuple[Array, ...]:
    """Weights and state after the step counted from 0."""
    w, *state = (x.copy() for x in place)
    return tuple(np.array(x, np.float64) for x in update(o, w, g.copy(), o.rate(step), step + 1, *state))


def walk(update: Update, steps: Steps, part: slice = slice(None)) -> Places:
    """Where an update leads."""
    places = [start_of(steps, part)]
    for step, g in enumerate(steps.gradients):
        places.append(take(update, steps.optimizer, places[-1], g[part], step))
    return places


@dataclass
class UpdateLaws(Compared):
    """The laws for one optimizer, and what came of them.

    Attributes:
        update: what the user wrote.
        formula: the same formula beside it, by which each step is taken anew.
        weights_after: another way to all weights of the steps, such as PyTorch's optimizer.
    """

    update: Update
    formula: Update | None = None
    weights_after: Callable[[Steps], list[Array]] | None = None

    def faults(self, steps: Steps) -> list[Fault]:
        """All that does not hold on some steps."""
        with np.errstate(all="ignore"):
            return list(self._faults(steps))

    def _faults(self, steps: Steps) -> Iterator[Fault]:
        try:
            places = walk(self.update, steps)
            again = walk(self.update, steps)
        except (UserError, ArithmeticError) as error:
            yield broken(EVERYTHING, partial(sentence, error))
            return
        names = ("w", *steps.optimizer.slots)
        if wrong := _first_apart(places, again, 0.0):
            yield broken(AGAIN, f"{_both(*wrong, names, 'the first time', 'the second')}; {WHY}")
            return
        self.right(AGAIN)
        if steps.other is not None:
            among = self._among(steps)
            if wrong := _first_apart(among, places, 0.0):
                text = _both(*wrong, names, "where another parameter takes its steps in between", "alone")
                yield broken(SHARED, f"{text}; {WHY}")
                return
            self.right(SHARED)
        if not all(np.all(np.isfinite(x)) for x in places[-1]):
            step = next(k for k, place in enumerate(places) if not all(np.all(np.isfinite(x)) for x in place))
            yield broken(FINITE, f"after step {step} {_not_finite(places[step], names)}")
            return
        self.right(FINITE)
        yield from self._contract(steps, places, names)
        yield from self._against_formula(steps, names)
        yield from self._against_weights(steps, places)

    def _among(self, steps: Steps) -> Places:
        """The steps, each followed by one of another parameter."""
        assert steps.other is not None
        o = steps.optimizer
        other = replace(steps, w=np.ones(steps.other.shape[1]))
        places, place = [start_of(steps)], start_of(other)
        for step, g in enumerate(steps.gradients):
            places.append(take(self.update, o, places[-1], g, step))
            place = take(self.update, o, place, steps.other[step % len(steps.other)], step)
        return places

    def _contract(self, steps: Steps, places: Places, names: tuple[str, ...]) -> Iterator[Fault]:
        o, last = steps.optimizer, len(steps.gradients) - 1
        before, after, g = places[-2], places[-1], steps.gradients[-1]
        middle = len(steps.w) // 2
        if middle:
            parts = [walk(self.update, steps, part) for part in (slice(0, middle), slice(middle, None))]
            joined = [
                tuple(np.concatenate(both) for both in zip(*place, strict=True)) for place in zip(*parts, strict=True)
            ]
            if wrong := _first_apart(places, joined, CLOSE):
                text = _both(*wrong, names, "together", f"cut after {middle} of them")
                yield broken(CUT, f"{text}; an update works element by element")
            else:
                self.right(CUT)
        decayed = replace(o, weight_decay=0.1, decay_all=True)
        if wrong := _first_apart([take(self.update, decayed, before, g, last)], [after], 0.0):
            text = _both(*wrong, names, "with weight_decay=0.1", "without")
            yield broken(DECAY, f"{text}; the engine decays weights before the update is called")
        else:
            self.right(DECAY)

        def moved(rate: float) -> Array:
            w, *state = (x.copy() for x in before)
            return np.asarray(self.update(o, w, g.copy(), rate, last + 1, *state)[0]) - before[0]

        if np.any(moved(0.0)):
            here = int(np.argmax(np.abs(moved(0.0))))
            text = f"with lr = 0 the weight at [{here}] moves by {moved(0.0)[here]:.6g}; take lr, not o.lr"
            yield broken(RATE, text)
        else:
            self.right(RATE)
        if not o.lr:
            return
        size = np.abs(moved(o.lr)) + np.abs(before[0]) * 4 * EPSILON["float64"] / CLOSE
        for side, rate in (("less", o.lr * (1 - SHIFT)), ("more", o.lr * (1 + SHIFT))):
            jump = np.abs(moved(rate) - moved(o.lr)) / np.maximum(size, 1e-300)
            if np.max(jump) > 1e-4:
                here = int(np.argmax(jump))
                at, beside = moved(o.lr)[here], moved(rate)[here]
                text = f"the weight at [{here}] moves by {at:.6g} where lr is o.lr, by {beside:.6g} where it is a trace"
                yield broken(SMOOTH, f"{text} {side}; the schedule moves lr, and o.lr stays")
                return
        self.right(SMOOTH)

    def _against_formula(self, steps: Steps, names: tuple[str, ...]) -> Iterator[Fault]:
        """Each step from where the formula stands, so that the wrong one is the one that is named."""
        if self.formula is None:
            return
        o, place = steps.optimizer, start_of(steps)
        worst = 0.0
        for step, g in enumerate(steps.gradients):
            right = take(self.formula, o, place, g, step)
            found = take(self.update, o, place, g, step)
            for name, x, y, before in zip(names, found, right, place, strict=True):
                apart = _apart(x, y, before)
                if not apart <= CLOSE and np.all(np.isfinite(y)):
                    apart -= 8 * self._unrest(names.index(name), o, place, g, step)
                if not apart <= CLOSE and np.all(np.isfinite(y)):
                    where = WEIGHT if name == "w" else Location("optimizer state", name)
                    yield Fault(
                        where, "formula", apart, CLOSE, partial(_both, step + 1, name, x, y, "yours", "formula")
                    )
                    return
                worst = max(worst, apart)
            if not all(np.all(np.isfinite(x)) for x in right):
                return
            place = right
        self.right(WEIGHT, "formula", worst, CLOSE)

    def _unrest(self, which: int, o: Optimizer, place: tuple[Array, ...], g: Array, step: int) -> float:
        """How far one result of a step moves when each number that goes in is off by one rounding, in either way."""
        rng = np.random.default_rng(0)
        far = 0.0
        for way in (self.update, self.formula):
            assert way is not None
            here = take(way, o, place, g, step)[which]
            for _ in range(PERTURBATIONS):
                *near, slope = _perturbed(np.stack((*place, g)), rng)
                far = max(far, _apart(take(way, o, tuple(near), slope, step)[which], here, place[which]))
        return far

    def _against_weights(self, steps: Steps, places: Places) -> Iterator[Fault]:
        if self.weights_after is None:
            return
        name = "PyTorch expression"
        right = self.weights_after(steps)
        found = [place[0] for place in places[1:]]
        worst = 0.0
        for step, (x, y) in enumerate(zip(found, right, strict=True)):
            if not np.all(np.isfinite(y)):
                return
            apart = _apart(x, y, steps.w)
            if not apart <= CLOSE:
                apart -= 8 * self._unrest_on_the_way(steps, step)
            if not apart <= CLOSE:
                yield Fault(WEIGHT, name, apart, CLOSE, partial(_both, step + 1, "w", x, y, "yours", name))
                return
            worst = max(worst, apart)
        self.right(WEIGHT, name, worst, CLOSE)

    def _unrest_on_the_way(self, steps: Steps, last: int) -> float:
        """How far the weights after a step move when every gradient on the way is off by one rounding."""
        rng = np.random.default_rng(0)
        steps = replace(steps, gradients=steps.gradients[: last + 1])
        near = [replace(steps, gradients=_perturbed(steps.gradients, rng)) for _ in range(PERTURBATIONS)]
        here = walk(self.update, steps)[-1][0]
        return max(_apart(walk(self.update, one)[-1][0], here, steps.w) for one in near)


def goes_downhill(update: Update, o: Optimizer) -> str:
    """Whether the weight of w² / 2 gets below where it starts in 300 steps of a small rate; if not, in words."""
    o = replace(o, lr=1e-2)
    place = start_of(Steps(o, np.ones(1), np.ones((1, 1))))
    lowest = 1.0
    for step in range(300):
        place = take(update, o, place, place[0], step)
        lowest = min(lowest, abs(float(place[0][0])))
    if lowest < 1:
        return ""
    led = f"300 steps at lr = 0.01 lead to w = {place[0][0]:.6g}, and nowhere below 1"
    return f"on w² / 2, from w = 1, {led}; w - lr * ... goes down"


def call_often(update: Update, o: Optimizer) -> str:
    """Whether the same step is the same however often it was taken; if not, in words."""
    steps = Steps(o, np.ones(1), np.ones((1, 1)))
    names, first = ("w", *o.slots), walk(update, steps)
    for call in range(2, CALLS + 1):
        if wrong := _first_apart(walk(update, steps), first, 0.0):
            return f"from w = 1 with a gradient of 1, {_both(*wrong, names, f'in call {call}', 'in the first')}; {WHY}"
    return ""


def _perturbed(x: Array, rng: np.random.Generator) -> Array:
    return perturbed({"": x}, "float64", rng)[""]


def _apart(found: Array, expected: Array, before: Array) -> float:
    """max |found - expected|, each relative to the largest that it was or is; NaN where `found` has one."""
    size = np.maximum(np.abs(expected), np.abs(before))
    return float(np.max(np.abs(found - expected) / np.where(size > 0, size, 1.0), initial=0.0))


def _first_apart(found: Places, expected: Places, allowed: float) -> tuple[int, int, Array, Array] | None:
    """The first step after which something is further apart than allowed: its number, which, and both arrays."""
    for step, (place, right) in enumerate(zip(found, expected, strict=True)):
        for which, (x, y) in enumerate(zip(place, right, strict=True)):
            if not (np.array_equal(x, y, equal_nan=True) or (allowed and _apart(x, y, expected[0][which]) <= allowed)):
                return step, which, x, y
    return None


def _both(step: int, which: int | str, x: Array, y: Array, *words: Any) -> str:
    """What stands in two arrays where they are furthest apart."""
    names = words[0] if isinstance(which, int) else ()
    one, two = words[-2:]
    name = names[which] if isinstance(which, int) else which
    here = int(np.argmax(np.where(np.isnan(x - y), inf, np.abs(x - y))))
    after = f"after step {step} " if step else ""
    return f"{after}{name}[{here}] is {x[here]:.9g} {_of(one)}, {y[here]:.9g} {_of(two)}"


def _of(whom: str) -> str:
    return f"of {whom}" if whom in ("yours", "formula", "PyTorch expression") else whom


def _not_finite(place: tuple[Array, ...], names: tuple[str, ...]) -> str:
    name, x = next((n, x) for n, x in zip(names, place, strict=True) if not np.all(np.isfinite(x)))
    here = int(np.argmax(~np.isfinite(x)))
    return f"{name}[{here}] is {x[here]}"
