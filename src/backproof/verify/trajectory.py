"""Training in several engines on the same bytes: how far they part, and where they part more than rounding explains.

After every step all of it is compared: the cost, running statistics, optimizer state and weights. What rounding
explains is measured: the judge trains twice more, and before each step every number of its state is nudged by the
rounding of a long sum. A difference that grows as theirs does is rounding's doing; the first that is clearly larger is
a fault.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from time import perf_counter

import numpy as np

from backproof.engines import DType, Engine, Mode
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Graph
from backproof.optim import Optimizer
from backproof.verify.finding import CheckReport, Finding
from backproof.verify.training_state import (
    DRAWS,
    explained,
    judged_state,
    least_allowed,
    nudge,
    part_of,
    step_and_look,
)


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
    session = engine.compile(graph, parameters, dtype=dtype)
    costs = [
        session.train_step(batch, optimizer, Mode(training=True, seed=seed, step=step)).cost
        for step, batch in enumerate(batches)
    ]
    return Trajectory(engine.name, np.array(costs), session.parameters())


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

    A training goes on with the optimizer's `state` (as `Session.optimizer_state` gives it) at `first_step`; without,
    it begins. Adam's first steps divide each gradient by itself: on a network that has learned already, whose
    gradients are nothing but what cancellation left, they show rounding where there is nothing else to show.
    The judge computes in `dtype` too. All engines go on with their own weights; nothing is put right on the way.

    Raises `UserError` without an engine or a batch.
    """
    if not engines:
        raise UserError("a check needs one engine or more")
    start = perf_counter()
    right = judge.compile(graph, parameters, dtype=dtype)
    draws = [judge.compile(graph, parameters, dtype=dtype) for _ in range(DRAWS)]
    sessions = {
        e.name: e.compile(graph, parameters, dtype="float64" if e.name == "reference" else dtype) for e in engines
    }
    for session in (right, *draws, *sessions.values()):
        session.load_optimizer_state(optimizer, state or {})
    growth = Growth({name: [] for name in sessions})
    worst: dict[tuple[str, str, str], Finding] = {}
    with np.errstate(all="ignore"):  # what is not finite is found by comparison
        for step, batch in enumerate(batches):
            mode = Mode(training=True, seed=seed, step=first_step + step)
            samples = len(batch[graph.inputs[0].name])
            truth = step_and_look(right, batch, optimizer, mode)
            for draw, session in enumerate(draws):
                nudge(session, optimizer, samples, dtype, np.random.default_rng((draw, step)))
            moved = [step_and_look(session, batch, optimizer, mode) for session in draws]
            allowed = explained(truth, moved, least_allowed(graph, samples, dtype))
            growth.explained.append(max(allowed.values()))
            for name, session in sessions.items():
                found = step_and_look(session, batch, optimizer, mode)
                findings = judged_state(
                    found, truth, allowed, case=f"step {step + 1}", engine=name, judge=judge.name, dtype=dtype
                )
                growth.error[name].append(max(f.error for f in findings))
                for finding in findings:
                    _keep_worst(worst, finding)
    if not worst:
        raise UserError("a check of training steps needs one batch or more")
    ordered = sorted(worst.values(), key=lambda f: part_of(f.what))
    return TrajectoryReport(
        title="training", findings=tuple(ordered), seconds={"training": perf_counter() - start}, growth=growth
    )


def _keep_worst(worst: dict[tuple[str, str, str], Finding], finding: Finding) -> None:
    """The first finding that differs stays; until then, the one nearest to it."""
    key = (finding.engine, finding.subject, finding.what)
    before = worst.get(key)
    if before is None or (before.passed and not finding.badness <= before.badness):
        worst[key] = finding


def _step(finding: Finding) -> int:
    return int(finding.case.removeprefix("step "))
