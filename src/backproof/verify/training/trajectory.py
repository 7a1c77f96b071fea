"""Training in several engines on the same bytes: how far they part, and where they part more than rounding explains.

After every step all of it is compared: the cost, running statistics, optimizer state and weights. What rounding
explains is measured: the reference trains twice more, and before each step every number of its state is perturbed by
the rounding of a long sum. A difference that grows as theirs does is explained by rounding. While one is clearly
larger, the reference trains again, so many times that no kink is overlooked; the first difference left is an error.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from time import perf_counter

import numpy as np

from backproof.engines import DType, Engine, Mode, Trainer
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Graph
from backproof.optim import Optimizer
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.location import Location
from backproof.verify.core.rounding import with_rounded_loss, with_rounded_norms
from backproof.verify.networks.dispute import bystanders, make_of_updates
from backproof.verify.training.state import (
    DRAWS,
    Explained,
    Tensor,
    compare_states,
    least_allowed,
    part_of,
    perturb,
    step_and_look,
)

AT_FIRST = 2
"""Draws at first; more only where these do not explain what is found, as many again each time."""


@dataclass(frozen=True)
class Growth:
    """How the difference to the reference grows, step by step.

    Attributes:
        error: of each engine, the largest of any tensor after each step.
        explained: what rounding explains of it, the largest of any tensor.
    """

    error: dict[str, list[float]] = field(default_factory=dict)
    explained: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class TrajectoryReport(CheckReport):
    """A finding for each engine and tensor: at the first step where they part, else where they come nearest to it.

    The failures come first, the earliest step before all others.
    """

    growth: Growth

    @property
    def verdict(self) -> str:
        """One sentence."""
        first = self.first_failure
        if first is None:
            *others, last = self.engines
            who = f"{', '.join(others)} and {last} stay" if others else f"{last} stays"
            return f"{who} together with the reference over {len(self.growth.explained)} training steps"
        return f"{first.engine} parts from {first.reference} at {first.case}, first in {first.what} of {first.subject}"


def check_trajectory(
    graph: Graph,
    parameters: Arrays,
    engines: Sequence[Engine],
    optimizer: Optimizer,
    batches: Iterable[Arrays],
    *,
    reference: Engine,
    state: Arrays | None = None,
    first_step: int = 0,
    seed: int = 0,
    dtype: DType = "float64",
) -> TrajectoryReport:
    """Take a training step on each of `batches` in every engine, from the same weights, and compare after each.

    A training goes on with the optimizer's `state` (as `Trainer.optimizer_state` gives it) at `first_step`; without,
    it begins. Adam's first steps divide each gradient by itself: on a network that has learned already, whose
    gradients are nothing but what cancellation left, they show rounding where there is nothing else to show.
    The reference computes in `dtype` too, if it can. All engines go on with their own weights; nothing is put right on
    the way. Where engines part, others that are installed are asked while as many makes of engine stand on either side;
    if more are against the reference than with it, one of them takes its place, and it is one of the checked.

    Raises `UserError` without an engine or a batch.
    """
    if not engines:
        raise UserError("a check needs one engine or more")
    start, taken = perf_counter(), tuple(_rounded(batch, dtype) for batch in batches)
    parameters, state = _rounded(parameters, dtype), _rounded(state or {}, dtype)
    if not taken:
        raise UserError("a check of training steps needs one batch or more")

    def follow(reference: Engine, engines: Sequence[Engine]) -> TrajectoryReport:
        return _follow(
            _Reference(reference, graph, parameters, optimizer, taken, state, first_step, seed, dtype), engines
        )

    report = follow(reference, engines)
    if not report.passed:
        report = _justly(report, reference, engines, bystanders(graph, [reference, *engines]), follow)
    return replace(report, seconds={"training": perf_counter() - start})


def _rounded(arrays: Arrays, dtype: DType) -> Arrays:
    """All floats in `dtype`, so that every engine begins with the same numbers."""
    return {name: a.astype(dtype) if a.dtype.kind == "f" else a for name, a in arrays.items()}


Follow = Callable[[Engine, Sequence[Engine]], TrajectoryReport]
"""The check of some engines against a reference."""


def _justly(
    report: TrajectoryReport, reference: Engine, engines: Sequence[Engine], more: Iterator[Engine], follow: Follow
) -> TrajectoryReport:
    """The report, or one against another reference, if with that fewer makes of engine are wrong."""
    parted = {f.engine for f in report.failures}
    against = [engine for engine in engines if engine.name in parted]
    beside = [engine for engine in engines if engine.name not in parted] + [reference]
    while len(_makes(against)) >= len(_makes(beside)) and (asked := next(more, None)) is not None:
        (against if follow(reference, [asked]).failures else beside).append(asked)
    if len(_makes(against)) <= len(_makes(beside)):
        return report
    # The last one asked, if any, so that no engine that was to be checked is held against itself.
    other = next((engine for engine in reversed(against) if engine not in engines), against[0])
    named = {engine.name: engine for engine in (reference, *engines) if engine is not other}
    checked = list(named.values())
    turned = follow(other, checked)
    wrong = [engine for engine in checked if engine.name in {f.engine for f in turned.failures}]
    return turned if len(_makes(wrong)) < len(_makes(against)) else report


def _makes(engines: Sequence[Engine]) -> set[type | str]:
    return {make_of_updates(engine) for engine in engines}


def _follow(right: "_Reference", engines: Sequence[Engine]) -> TrajectoryReport:
    graph, dtype = right.graph, right.dtype
    trainers = {e.name: right.trainer(e, graph, e.capabilities.nearest_dtype(dtype)) for e in engines}
    growth = Growth({name: [] for name in trainers})
    steps: list[list[Finding]] = []
    with np.errstate(all="ignore"):  # what is not finite is found by comparison
        for truth, allowed, take in right.train(range(AT_FIRST), len(right.batches)):
            steps.append([])
            for name, trainer in trainers.items():
                comparison = FindingBuilder("", f"step {len(steps)}", name, dtype, right.engine.name)
                found = compare_states(take(trainer), truth, allowed, comparison)
                growth.error[name].append(max(f.error for f in found))
                steps[-1] += found
        for draw in range(AT_FIRST, DRAWS, AT_FIRST):
            doubtful = [step for step, found in enumerate(steps) if not all(f.passed for f in found)]
            if not doubtful:
                break
            for _ in right.train(range(draw, draw + AT_FIRST), max(doubtful) + 1):
                pass
            steps = [[_settled(f, allowed) for f in s] for s, allowed in zip(steps, right.allowed, strict=True)]
    growth.explained.extend(allowed.largest for allowed in right.allowed)
    return TrajectoryReport(title="training", findings=_worst(steps), growth=growth)


Take = Callable[[Trainer], dict[Tensor, Array]]
"""The step at hand, as a trainer takes it."""


@dataclass(frozen=True)
class _Reference:
    """The reference's trainings: the true one, and others with random rounding. `allowed` holds what those explain."""

    engine: Engine
    graph: Graph
    parameters: Arrays
    optimizer: Optimizer
    batches: tuple[Arrays, ...]
    state: Arrays
    first_step: int
    seed: int
    dtype: DType

    @cached_property
    def allowed(self) -> list[Explained]:
        """By step."""
        return [Explained(least_allowed(self.graph, self._samples(batch), self.dtype)) for batch in self.batches]

    def train(self, draws: range, steps: int) -> Iterator[tuple[dict[Tensor, Array], Explained, Take]]:
        """Train, with some draws beside; after each step what is true, what is allowed, and how to take the step."""
        right = self.trainer(self.engine, self.graph, self.dtype)
        graph = with_rounded_loss(self.graph, self.dtype)
        perturbed = {
            draw: self.trainer(
                with_rounded_norms(self.engine, self.dtype, np.random.default_rng((draw, 0))), graph, self.dtype
            )
            for draw in draws
        }
        for step, (batch, allowed) in enumerate(zip(self.batches[:steps], self.allowed[:steps], strict=True)):
            mode = Mode(training=True, seed=self.seed, step=self.first_step + step)
            take = partial(step_and_look, batch=batch, optimizer=self.optimizer, mode=mode)
            truth = take(right)
            for draw, trainer in perturbed.items():
                rng = np.random.default_rng((draw, step))
                perturb(trainer, self.optimizer, self._samples(batch), self.dtype, rng)
                allowed.add(truth, take(trainer))
            yield truth, allowed, take

    def trainer(self, engine: Engine, graph: Graph, dtype: DType) -> Trainer:
        """Where the training begins."""
        trainer = engine.compile(graph, self.parameters, dtype=engine.capabilities.nearest_dtype(dtype))
        trainer.load_optimizer_state(self.optimizer, self.state)
        return trainer

    def _samples(self, batch: Arrays) -> int:
        return len(batch[self.graph.inputs[0].name])


def _settled(finding: Finding, allowed: Explained) -> Finding:
    """The finding, with what more draws explain."""
    if finding.passed:
        return finding
    limit = allowed[finding.subject, finding.location]
    if finding.error <= limit:
        return replace(finding, tolerance=limit, verdict="agrees", detail="")
    return replace(finding, tolerance=limit)


def _worst(steps: Sequence[Sequence[Finding]]) -> tuple[Finding, ...]:
    """Of each engine and tensor the first finding that differs, else the one nearest to it."""
    worst: dict[tuple[str, str, Location], tuple[int, Finding]] = {}
    for step, findings in enumerate(steps):
        for f in findings:
            before = worst.get((f.engine, f.subject, f.location))
            if before is None or (before[1].passed and not f.badness <= before[1].badness):
                worst[f.engine, f.subject, f.location] = step, f
    ordered = sorted(worst.values(), key=lambda at: (at[1].passed, 0 if at[1].passed else at[0], part_of(at[1])))
    return tuple(f for _, f in ordered)
