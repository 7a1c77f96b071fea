"""Training in several engines on the same bytes: how far they part, and where they part more than rounding explains.

After every step all of it is compared: the cost, running statistics, optimizer state and weights. What rounding
explains is measured: the judge trains twice more, and before each step every number of its state is nudged by the
rounding of a long sum. A difference that grows as theirs does is rounding's doing. While one is clearly larger, the
judge trains again, up to so many times that no kink is overlooked; the first difference that is left is a fault.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import combinations
from time import perf_counter

import numpy as np

from backproof.engines import DType, Engine, Mode, Trainer
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Graph
from backproof.optim import Optimizer
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.rounding import with_rounded_loss
from backproof.verify.training.state import (
    DRAWS,
    Explained,
    Tensor,
    judged_state,
    least_allowed,
    nudge,
    part_of,
    step_and_look,
)

AT_FIRST = 2
"""Draws at first; more only where these do not explain what is found, as many again each time."""


@dataclass(frozen=True)
class Trajectory:
    """What one engine made of a training run: the cost at each step, and all parameters at the end."""

    engine: str
    costs: Array
    parameters: Arrays


@dataclass(frozen=True)
class TrajectoryDifference:
    """How two engines' training runs part.

    Attributes:
        a: the one engine.
        b: the other.
        losses: |a - b| / |b| of the cost at each step.
        parameters: max |a - b| of each parameter and running statistic after the last step.
    """

    a: str
    b: str
    losses: Array
    parameters: dict[str, float]

    @property
    def worst_loss(self) -> float:
        """The largest relative difference of any step's cost."""
        return float(np.max(self.losses))

    @property
    def worst_parameter(self) -> float:
        """The largest absolute difference of any final weight or running statistic."""
        return max(self.parameters.values())


def train(
    engine: Engine,
    graph: Graph,
    parameters: Arrays,
    optimizer: Optimizer,
    batches: Iterable[Arrays],
    *,
    seed: int = 0,
    dtype: DType = "float64",
) -> Trajectory:
    """Take a training step on each batch."""
    trainer = engine.compile(graph, parameters, dtype=dtype)
    costs = [
        trainer.train_step(batch, optimizer, Mode(training=True, seed=seed, step=step)).cost
        for step, batch in enumerate(batches)
    ]
    return Trajectory(engine.name, np.array(costs), trainer.parameters())


def compare_trajectories(
    graph: Graph,
    parameters: Arrays,
    engines: Sequence[Engine],
    optimizer: Optimizer,
    batches: Sequence[Arrays],
    *,
    seed: int = 0,
    dtype: DType = "float64",
) -> tuple[TrajectoryDifference, ...]:
    """Train on the same bytes from the same weights in every engine, and compare every pair."""
    runs = [train(engine, graph, parameters, optimizer, batches, seed=seed, dtype=dtype) for engine in engines]
    return tuple(
        TrajectoryDifference(
            a.engine,
            b.engine,
            np.abs(a.costs - b.costs) / np.abs(b.costs),
            {name: float(np.max(np.abs(a.parameters[name] - b.parameters[name]))) for name in parameters},
        )
        for a, b in combinations(runs, 2)
    )


@dataclass(frozen=True)
class Growth:
    """How the difference to the judge grows, step by step.

    Attributes:
        error: of each engine, the largest of any tensor after each step.
        explained: what rounding explains of it, the largest of any tensor.
    """

    error: dict[str, list[float]] = field(default_factory=dict)
    explained: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class TrajectoryReport(CheckReport):
    """A finding for each engine and tensor: at the first step where they part, else where they come nearest to it."""

    growth: Growth

    @property
    def first_at_fault(self) -> Finding | None:
        """The earliest step at which an engine parts; within a step cost, statistics, optimizer state, weights."""
        return min(self.failures, key=lambda f: (_step(f), part_of(f.what)), default=None)

    @property
    def verdict(self) -> str:
        """One sentence."""
        first = self.first_at_fault
        if first is None:
            *others, last = self.engines
            who = f"{', '.join(others)} and {last} stay" if others else f"{last} stays"
            return f"{who} together with the judge over {len(self.growth.explained)} training steps"
        return f"{first.engine} parts from {first.judge} at {first.case}, first in {first.what} of {first.subject}"


def check_trajectory(
    graph: Graph,
    parameters: Arrays,
    engines: Sequence[Engine],
    optimizer: Optimizer,
    batches: Iterable[Arrays],
    *,
    judge: Engine,
    state: Arrays | None = None,
    first_step: int = 0,
    seed: int = 0,
    dtype: DType = "float64",
) -> TrajectoryReport:
    """Take a training step on each of `batches` in every engine, from the same weights, and compare after each.

    A training goes on with the optimizer's `state` (as `Trainer.optimizer_state` gives it) at `first_step`; without,
    it begins. Adam's first steps divide each gradient by itself: on a network that has learned already, whose
    gradients are nothing but what cancellation left, they show rounding where there is nothing else to show.
    The judge computes in `dtype` too. All engines go on with their own weights; nothing is put right on the way.

    Raises `UserError` without an engine or a batch.
    """
    if not engines:
        raise UserError("a check needs one engine or more")
    start = perf_counter()
    judged = _Judge(judge, graph, parameters, optimizer, tuple(batches), state or {}, first_step, seed, dtype)
    if not judged.batches:
        raise UserError("a check of training steps needs one batch or more")
    trainers = {e.name: judged.trainer(e, graph, e.capabilities.nearest_dtype(dtype)) for e in engines}
    growth = Growth({name: [] for name in trainers})
    findings: list[Finding] = []
    with np.errstate(all="ignore"):  # what is not finite is found by comparison
        for truth, allowed, take in judged.train(range(AT_FIRST), len(judged.batches)):
            for name, trainer in trainers.items():
                case = f"step {len(growth.error[name]) + 1}"
                found = judged_state(
                    take(trainer), truth, allowed, case=case, engine=name, judge=judge.name, dtype=dtype
                )
                growth.error[name].append(max(f.error for f in found))
                findings += found
        for draw in range(AT_FIRST, DRAWS, AT_FIRST):
            doubtful = [_step(f) for f in findings if not f.passed]
            if not doubtful:
                break
            for _ in judged.train(range(draw, draw + AT_FIRST), max(doubtful)):
                pass
            findings = [_settled(f, judged.allowed[_step(f) - 1]) for f in findings]
    growth.explained.extend(allowed.largest for allowed in judged.allowed)
    worst: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        _keep_worst(worst, finding)
    ordered = sorted(worst.values(), key=lambda f: part_of(f.what))
    return TrajectoryReport(
        title="training", findings=tuple(ordered), seconds={"training": perf_counter() - start}, growth=growth
    )


Take = Callable[[Trainer], dict[Tensor, Array]]
"""The step at hand, as a trainer takes it."""


@dataclass(frozen=True)
class _Judge:
    """The judge's trainings: the true one, and others with random rounding. `allowed` holds what those explain."""

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
        rounded = with_rounded_loss(self.graph, self.dtype)
        shaken = {draw: self.trainer(self.engine, rounded, self.dtype) for draw in draws}
        for step, (batch, allowed) in enumerate(zip(self.batches[:steps], self.allowed[:steps], strict=True)):
            mode = Mode(training=True, seed=self.seed, step=self.first_step + step)
            take = partial(step_and_look, batch=batch, optimizer=self.optimizer, mode=mode)
            truth = take(right)
            for draw, trainer in shaken.items():
                rng = np.random.default_rng((draw, step))
                nudge(trainer, self.optimizer, self._samples(batch), self.dtype, rng)
                allowed.add(truth, take(trainer))
            yield truth, allowed, take

    def trainer(self, engine: Engine, graph: Graph, dtype: DType) -> Trainer:
        """Where the training begins."""
        trainer = engine.compile(graph, self.parameters, dtype=dtype)
        trainer.load_optimizer_state(self.optimizer, self.state)
        return trainer

    def _samples(self, batch: Arrays) -> int:
        return len(batch[self.graph.inputs[0].name])


def _settled(finding: Finding, allowed: Explained) -> Finding:
    """The finding, with what more draws explain."""
    if finding.passed:
        return finding
    limit = allowed[finding.subject, finding.what]
    if finding.error <= limit:
        return replace(finding, tolerance=limit, verdict="agrees", detail="")
    return replace(finding, tolerance=limit)


def _keep_worst(worst: dict[tuple[str, str, str], Finding], finding: Finding) -> None:
    """The first finding that differs stays; until then, the one nearest to it."""
    key = (finding.engine, finding.subject, finding.what)
    before = worst.get(key)
    if before is None or (before.passed and not finding.badness <= before.badness):
        worst[key] = finding


def _step(finding: Finding) -> int:
    return int(finding.case.removeprefix("step "))
