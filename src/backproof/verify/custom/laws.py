"""What must hold on every case of an operation, whoever drew it; what does not is a `Fault`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf, isfinite
from traceback import extract_tb

import numpy as np

from backproof.errors import UserError
from backproof.graph import Array, Sample
from backproof.verify.core.builder import both_at, sentence, worst_coordinate
from backproof.verify.core.case import Results
from backproof.verify.core.location import EVERYTHING, OUTPUT, Location
from backproof.verify.core.tolerances import EPSILON
from backproof.verify.custom.drawn import Drawn, compute, interleaved, value_of
from backproof.verify.custom.engine import Guard
from backproof.verify.custom.fault import AGAIN, PERTURBATIONS, Compared, Fault, broken
from backproof.verify.custom.slope import quick_slope, slope

NUMBERS = "finite differences"

RELATIVE = 1e-6
"""What differences of good numbers explain, relative to the slope; ten times as much as on declared samples."""

CLOSE = 1e-7
"""How far apart two ways to compute the same may be, relative to the largest number, besides what perturbations show.

What cancels exactly, moves with no perturbation: a layer norm of one number with eps = 1e-12 has the gradient 0, and
PyTorch's is off by 2e-9 of that of its output.
"""

DIRECTIONS = 3
"""In so many random directions a gradient must be wrong: luck with rounding or a kink does not strike three times."""

NEARBY = 1e-3
"""How far away a point nearby is, relative to the numbers."""

STATE = Location("contract", "nothing kept between calls")
EVERY_STEP = Location("contract", "the same at every step")
EVALUATION = Location("contract", "evaluation as training")

NOISE = (AGAIN, STATE, EVERYTHING)
"""Where one of these fails, other numbers mean nothing."""

Expected = Callable[[Drawn], Results]
"""What a reference makes of a case."""


@dataclass
class Laws(Compared):
    """The laws for one operation, and what came of them so far.

    Attributes:
        kernel: what the user wrote, guarded.
        samples: what the operation declares.
        references: what else computes it, by name.
        random: whether results depend on the seed of the pass: masks.
    """

    kernel: Guard
    samples: Sequence[Sample]
    references: dict[str, Expected] = field(default_factory=dict)
    random: bool = False
    not_finite: int = 0
    refused: int = 0

    @property
    def same_in_evaluation(self) -> bool:
        """Whether nothing says that evaluation is another formula: no sample of it, no statistics, no masks."""
        state = any(
            not spec.trainable for sample in self.samples for spec in sample.op.parameters(*sample.declared).values()
        )
        return not (self.random or state or any(not sample.training for sample in self.samples))

    def faults(self, case: Drawn) -> list[Fault]:
        """All that does not hold on a case; empty where all holds, or nothing can be said."""
        with np.errstate(all="ignore"):
            return list(self._faults(case))

    def _faults(self, case: Drawn) -> Iterator[Fault]:
        try:
            found = compute(self.kernel, case)
            again = [compute(self.kernel, case) for _ in range(case.calls - 1)][-1]
        except Exception as error:
            if _may_stop(error, case, self.samples):
                self.refused += 1
            else:
                yield broken(EVERYTHING, partial(sentence, error))
            return
        if at := first_unequal(found, again):
            yield broken(STATE if case.calls > 2 else AGAIN, partial(twice_in_words, at, found, again, case))
            return
        self.right(AGAIN)
        if case.other is not None:
            state = self._state(case, found)
            yield from state
            if state:
                return
        if not np.all(np.isfinite(found[OUTPUT])):
            self.not_finite += 1
            for name, expected in self.references.items():  # another formula may get along
                yield from self._against(name, expected, case, found)
            return
        yield from self._modes(case, found)
        for name, expected in self.references.items():
            yield from self._against(name, expected, case, found)
        for location in case.arrays() if "reference" not in self.references else ():
            if location in found:
                yield from self._gradient(case, location, found[location])

    def _state(self, case: Drawn, found: Results) -> list[Fault]:
        """Another call between forward and backward changes nothing."""
        assert case.other is not None
        try:
            compute(self.kernel, case.other)
        except Exception:
            return []  # what is wrong with that case, shows where it is drawn by itself
        why = "keep what backward needs in the tuple that forward returns, and nothing on the kernel"
        try:
            among = interleaved(self.kernel, case, case.other)
        except Exception as error:
            text = f"with another call between its forward and its backward: {sentence(error)}; {why}"
            return [broken(STATE, text)]
        if at := first_unequal(found, among):
            names = "the call with another between its forward and its backward", "the call alone"
            return [broken(STATE, lambda: f"{at} {both_in_words(at, among, found, *names)}; {why}")]
        self.right(STATE)
        return []

    def _modes(self, case: Drawn, found: Results) -> Iterator[Fault]:
        """What draws nothing at random is the same at every step, and in evaluation if nothing says otherwise."""
        if case.mode.step and not self.random:
            yield from self._same_in(
                EVERY_STEP,
                case,
                case.in_mode(step=0),
                found,
                (f"step {case.mode.step}", "step 0"),
                "it draws nothing at random (another seed changes nothing), so no step may differ",
            )
        if self.same_in_evaluation:
            modes = ("training", "evaluation") if case.mode.training else ("evaluation", "training")
            yield from self._same_in(
                EVALUATION,
                case,
                case.in_mode(training=not case.mode.training),
                found,
                modes,
                "if that is meant, say so by a Sample with training=False",
            )

    def _same_in(
        self, location: Location, case: Drawn, twin: Drawn, found: Results, names: tuple[str, str], why: str
    ) -> Iterator[Fault]:
        other = compute(self.kernel, twin)
        both = [at for at in found if at in other and np.all(np.isfinite(found[at]))]
        wrong = [at for at in both if not distance(found[at], other[at], _unit(at, case)) <= CLOSE]
        if wrong:
            yield broken(location, lambda: f"{wrong[0]} {both_in_words(wrong[0], found, other, *names)}; {why}")
        else:
            self.right(location)

    def _against(self, name: str, expected: Expected, case: Drawn, found: Results) -> Iterator[Fault]:
        """Every array of another way to compute it, where that is finite."""
        if name != "reference" and case.mode.training not in {s.training for s in self.samples}:
            return  # an expression knows no mode; that of the samples is meant
        right = expected(case)
        for at, value in right.items():
            if at not in found or not np.all(np.isfinite(value)) or not value.size:
                continue
            unit, allowed = _unit(at, case), CLOSE
            error = distance(found[at], value, unit)
            if not error <= allowed and np.all(np.isfinite(found[at])):
                allowed += 8 * max(
                    self._unrest(lambda c: compute(self.kernel, c), at, case, found[at], unit),
                    self._unrest(expected, at, case, value, unit),
                )
            if error <= allowed:
                self.right(at, name, error, allowed)
            else:
                yield Fault(at, name, error, allowed, partial(both_in_words, at, found, right, "yours", name))

    def _unrest(self, way: Expected, at: Location, case: Drawn, value: Array, unit: float) -> float:
        """How far an array moves when each number that goes in is off by one rounding; NaN where it stops being one."""
        rng = np.random.default_rng(0)
        return max(distance(way(_perturbed(case, rng))[at], value, unit) for _ in range(PERTURBATIONS))

    def _gradient(self, case: Drawn, at: Location, g: Array) -> Iterator[Fault]:
        """A gradient against the slopes of what `forward` gives.

        A wrong one is wrong nearby too. What is not may be a kink, or a norm divided by 0 + eps, which nobody can
        measure. One that is not finite where the outputs are smooth is wrong wherever it is.
        """
        if not g.size:
            return
        error, allowed = self._slopes(case, at, g)
        if error <= allowed:
            if isfinite(allowed):
                self.right(at, NUMBERS, error, allowed)
            return
        if np.all(np.isfinite(g)):
            rng = np.random.default_rng(0)
            near = case.moved({n: NEARBY * _reach(x) * rng.uniform(-1, 1, x.shape) for n, x in case.arrays().items()})
            there = self._slopes(near, at, compute(self.kernel, near)[at])
            if there[0] <= there[1]:
                return
        yield Fault(at, NUMBERS, error, allowed, partial(self._slopes_in_words, case, at, g))

    def _slopes(self, case: Drawn, at: Location, g: Array) -> tuple[float, float]:
        """How far a gradient is off and what explains it, along the first of some directions in which it is right."""
        rng = np.random.default_rng(case.mode.seed)
        reach = _reach(case.arrays()[at])
        for _ in range(DIRECTIONS):
            error, allowed = self._along(case, at, g, rng.choice([-1.0, 1.0], g.shape) * reach)
            if error <= allowed:
                break
        return error, allowed

    def _along(self, case: Drawn, at: Location, g: Array, v: Array) -> tuple[float, float]:
        """How far slope and gradient are apart along a direction, and what explains it, both relative.

        Infinite is allowed where the slope cannot be measured.
        """

        def f(t: float) -> float:
            return value_of(self.kernel, case.moved({at: t * v}))

        a, n = float(np.sum(g * v)), quick_slope(f)
        size = abs(a) + abs(n) + 1e-3 * float(np.sum(np.abs(g * v)))
        if abs(a - n) <= 0.1 * RELATIVE * size:
            return abs(a - n) / (size or 1.0), RELATIVE
        rng = np.random.default_rng(0)
        near = [_perturbed(case, rng) for _ in range(PERTURBATIONS)]
        here = f(0.0)
        output = compute(self.kernel, case)[OUTPUT]
        total = float(np.sum(np.abs(case.dy) * np.maximum(np.abs(output), 1)))  # 0 may be a difference of ones
        noise = max(abs(value_of(self.kernel, c) - here) for c in near) + EPSILON["float64"] * total
        best = slope(f, noise)
        if not isfinite(best.doubt):
            return 0.0, inf
        if not isfinite(a):  # wrong where outputs are finite and smooth
            return (inf, RELATIVE) if best.doubt <= 1e-4 * max(abs(best.value), total) else (0.0, inf)
        unrest = max(abs(float(np.sum(compute(self.kernel, c)[at] * v)) - a) for c in near)
        size = abs(a) + abs(best.value) + 1e-3 * float(np.sum(np.abs(g * v)))
        allowed = RELATIVE + (30 * best.doubt + 10 * unrest) / (size or 1.0)
        return abs(a - best.value) / (size or 1.0), allowed if isfinite(allowed) and allowed < 1 else inf

    def _slopes_in_words(self, case: Drawn, at: Location, g: Array) -> str:
        """The element that is furthest off, and both its derivatives."""
        worst, words = -1.0, ""
        reach = _reach(case.arrays()[at])
        for index in list(np.ndindex(g.shape))[:64]:
            v = np.zeros(g.shape)
            v[index] = reach[index]
            error, allowed = self._along(case, at, g, v)
            if not error / allowed <= worst:
                best = slope(lambda t, v=v: value_of(self.kernel, case.moved({at: t * v})), 0.0)  # type: ignore[misc]
                place = f"at [{', '.join(map(str, index))}] " if index else ""
                numerical = best.value / reach[index]
                worst = error / allowed
                words = f"{place}backward gives {g[index]:.9g}, the outputs of forward {numerical:.9g}"
        return words


def _reach(x: Array) -> Array:
    """How far each element is moved at a relative width of 1: its size, or a thousandth of the largest."""
    top = float(np.max(np.abs(x), initial=0.0)) or 1.0
    return np.maximum(np.abs(x), 1e-3 * top)


def _perturbed(case: Drawn, rng: np.random.Generator) -> Drawn:
    """The case with every float off by about one rounding."""
    arrays = case.arrays()
    return case.moved({at: EPSILON["float64"] * x * rng.standard_normal(x.shape) for at, x in arrays.items()})


def _unit(at: Location, case: Drawn) -> float:
    """The size below which numbers are compared absolutely: gradients are in units of that of the output."""
    return max(1.0, float(np.max(np.abs(case.dy), initial=0.0))) if at.direction == "backward" else 1.0


def distance(found: Array, expected: Array, unit: float) -> float:
    """max |found - expected| relative to the largest expected, or to `unit`; NaN where either has one."""
    if found.shape != expected.shape:
        return inf
    return float(np.max(np.abs(found - expected), initial=0.0)) / max(
        unit, float(np.max(np.abs(expected), initial=0.0))
    )


def first_unequal(found: Results, again: Results) -> Location | None:
    """The first array that is not the same to the bit."""
    for at, value in found.items():
        if at not in again or not np.array_equal(value, again[at], equal_nan=True):
            return at
    return None


def both_in_words(at: Location, found: Results, expected: Results, one: str, two: str) -> str:
    """What stands in two arrays where they are furthest apart, or their shapes."""
    a, b = found[at], expected.get(at)
    if b is None or a.shape != b.shape:
        return f"has shape {a.shape} of {one}, {None if b is None else b.shape} of {two}"
    return both_at(worst_coordinate(a, b), a, b, one, two)


def twice_in_words(at: Location, found: Results, again: Results, case: Drawn) -> str:
    """Two calls with the same arrays in words."""
    both = both_in_words(at, found, again, "the first call", f"call {case.calls}")
    seeded = "; random numbers are drawn from call.mode.seed and call.mode.step" if case.calls == 2 else ""
    return f"{at} {both}, of the same arrays in the same mode{seeded}"


def _may_stop(error: Exception, case: Drawn, samples: Sequence[Sample]) -> bool:
    """Whether a kernel may raise that: on purpose, where numbers break down, or on sizes that no sample has.

    The batch is not such a size: every network has all of them.
    """
    cause = error.__cause__
    if not isinstance(error, UserError) or cause is None:
        return False
    lines = [frame.line or "" for frame in extract_tb(cause.__traceback__)]
    on_purpose = bool(lines) and any(word in lines[-1] for word in ("raise ", "assert "))
    broken_down = isinstance(cause, ArithmeticError | np.linalg.LinAlgError)
    sizes = [_sizes(sample) for sample in samples]
    return on_purpose or broken_down or _sizes(case.sample) not in sizes


def _sizes(sample: Sample) -> tuple[object, ...]:
    """The operation, and the shapes of its inputs without the batch."""
    return sample.op, *(s if i in sample.constants else s[1:] for i, s in enumerate(sample.shapes))
