"""Long runs of every optimizer: across bias corrections, warm-up and the end of a schedule, and numbers that fade.

The same layer as in `check`, with more weights. Their gradients differ by many powers of ten; then all of them fade
until they are denormal numbers, of which a dtype holds few digits or none, and at last they are ordinary again. Nothing
is put right on the way, so an error that is small in one step adds up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backproof.engines import DType, Engine, Mode, Trainer
from backproof.graph import Arrays, Graph, Sequential, Shape
from backproof.ops import MSE, Linear
from backproof.optim import Constant, Cosine, Exponential, Optimizer, Schedule, Step
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import Results
from backproof.verify.core.finding import Finding
from backproof.verify.core.rounding import rounded
from backproof.verify.core.tolerances import tolerance
from backproof.verify.core.ways import Ways
from backproof.verify.optimizers.place import Place, compare_step

WEIGHTS = 12

FADING = range(100, 260)
"""Steps in which gradients fade; ordinary ones are before and after."""

STEPS = 320

LOOKED_AT = (1, 2, 5, 10, 20, 40, 70, 100, 180, 260, 290, STEPS)
"""After how many steps all is compared."""

SCHEDULES: tuple[Schedule, ...] = (
    Cosine(steps=200, warmup=30, floor=0.1),
    Exponential(gamma=0.2, every=70),
    Step(gamma=0.5, every=60, warmup=7),
    Constant(warmup=50),
)


def long_runs(kind: type[Optimizer], number: int) -> dict[str, Optimizer]:
    """Two of each optimizer, the `number`-th, with coupled and with decoupled decay, so that all take all schedules."""
    coupled, decoupled = (SCHEDULES[(number + i) % len(SCHEDULES)] for i in (0, 1))
    return {
        f"{_name(coupled)}, coupled decay": kind(weight_decay=0.02, decay="coupled", schedule=coupled),
        f"{_name(decoupled)}, decoupled decay of all": kind(
            weight_decay=0.05, decay="decoupled", decay_all=True, schedule=decoupled
        ),
    }


def _name(schedule: Schedule) -> str:
    return type(schedule).__name__.lower()


@dataclass(frozen=True)
class LongRun:
    """The reference's run with one optimizer, on the numbers that an engine of this dtype is given."""

    reference: Engine
    optimizer: Optimizer
    dtype: DType

    @cached_property
    def graph(self) -> Graph:
        """One linear layer."""
        return Sequential(("fc", Linear(1))).build(Shape("N", WEIGHTS)).with_loss(MSE())

    @cached_property
    def start(self) -> Arrays:
        """Weights before the first step."""
        rng = np.random.default_rng(1)
        return rounded({n: rng.standard_normal(spec.shape) for n, spec in self.graph.parameters.items()}, self.dtype)

    @cached_property
    def batches(self) -> tuple[Arrays, ...]:
        """s on the diagonal of x and targets t, as in `check`: the gradient of weight n is proportional to s."""
        rng = np.random.default_rng(2)
        powers = -float(np.log10(np.finfo(self.dtype).smallest_subnormal))
        spread = 10 ** (-0.8 * powers * np.arange(WEIGHTS) / WEIGHTS)
        spread[: WEIGHTS // 2] = 1
        found = []
        for step in range(STEPS):
            faded = 10 ** (-powers * (step - FADING.start) / len(FADING)) if step in FADING else 1.0
            s = rng.uniform(0.5, 1.5, WEIGHTS) * rng.choice([-1.0, 1.0], WEIGHTS) * faded
            s *= spread if step < FADING.stop else 1.0
            t = rng.uniform(4, 6, WEIGHTS)
            found.append(rounded({"x": np.diag(s), "y": t[:, np.newaxis]}, self.dtype))
        return tuple(found)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Before the first step, and after each."""
        trainer = self.trainer(self.reference, "float64")
        return (Place.of(trainer), *(self.take(trainer, step) for step in range(STEPS)))

    @cached_property
    def ways(self) -> dict[int, tuple[Results, Results]]:
        """After as many steps as `LOOKED_AT` says: the largest that each element was on the way, and its end."""
        largest: Results = {}
        found = {}
        for steps, place in enumerate(self.places):
            arrays = place.arrays
            largest = {at: np.maximum(largest.get(at, 0.0), np.abs(array)) for at, array in arrays.items()}
            if steps in LOOKED_AT:
                found[steps] = largest, arrays
        return found

    def trainer(self, engine: Engine, dtype: DType) -> Trainer:
        """Where the run begins."""
        trainer = engine.compile(self.graph, self.start, dtype=dtype)
        trainer.load_optimizer_state(self.optimizer, {})
        return trainer

    def take(self, trainer: Trainer, step: int) -> Place:
        """Where a trainer stands after a step."""
        trainer.train_step(self.batches[step], self.optimizer, Mode(training=True, step=step))
        return Place.of(trainer)

    def check(self, engine: Engine, comparison: FindingBuilder, ways: Ways) -> Iterator[Finding]:
        """The findings on the first of `LOOKED_AT` after which anything differs; else on all of them."""
        trainer = self.trainer(engine, self.dtype)
        for step in range(STEPS):
            trainer.train_step(self.batches[step], self.optimizer, Mode(training=True, step=step))
            if step + 1 not in LOOKED_AT:
                continue
            after = comparison.on(f"{comparison.case}, {step + 1} of {STEPS} steps in a row")
            allowed = (step + 1) * tolerance(self.dtype, WEIGHTS)
            findings = list(compare_step(Place.of(trainer).arrays, self.ways[step + 1], after, allowed))
            yield from findings
            if not all(f.passed for f in findings):  # from here on it only grows
                break
        ways.add(engine.name, trainer)
