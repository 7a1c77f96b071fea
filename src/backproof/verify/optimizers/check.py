"""Every optimizer in every engine, step by step, on gradients that are awkward on purpose.

A linear layer whose inputs are a diagonal matrix s under a squared error has, for weight n, the gradient
2 (w s - t) s / N: so s and t dictate gradients that are zero, huge, tiny, sparse or of changing sign, without any
cancellation that would blur them. Each step is taken alone, from the reference's weights and state, so that the wrong
step is named; then all in a row, where an engine keeps its own. Steps far on are among them: bias corrections, which
are powers of a number near 1, still count after a thousand steps, and no longer after a hundred thousand.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from backproof.engines import DType, Engine, Mode, Trainer, reference_engine, variants
from backproof.errors import UserError
from backproof.graph import Arrays, Graph, Sequential, Shape
from backproof.ops import MSE, Linear
from backproof.optim import OPTIMIZERS, Cosine, Optimizer
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import Case
from backproof.verify.core.failure import Failure, Keep, kept
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.location import EVERYTHING
from backproof.verify.core.tolerances import tolerance
from backproof.verify.core.ways import Ways
from backproof.verify.optimizers.declared import check_declared
from backproof.verify.optimizers.long import LongRun, long_runs
from backproof.verify.optimizers.place import Place, compare_step

N = 6

FAR_ON = (499, 1_499, 3_999, 99_999)
"""Numbers of the last steps, from 0."""

BASE: dict[str, dict[str, Any]] = {
    "as it is": {},
    "coupled decay": {"weight_decay": 0.1, "decay": "coupled"},
    "decoupled decay": {"weight_decay": 0.1, "decay": "decoupled"},
    "decay of biases too": {"weight_decay": 0.1, "decay": "coupled", "decay_all": True},
    "warm-up and cosine": {"schedule": Cosine(steps=5, warmup=2)},
}
"""Settings that every optimizer has."""


def settings_of(kind: type[Optimizer]) -> dict[str, Optimizer]:
    """The optimizer as it is, with the settings that all share, and with each of its own settings changed alone.

    A change that the optimizer itself refuses, such as dampening for Nesterov, is none.
    """
    found = {name: kind(**settings) for name, settings in BASE.items()}
    for f in fields(kind):
        if f.name in {shared.name for shared in fields(Optimizer)}:
            continue
        for value in _others(getattr(found["as it is"], f.name)):
            with suppress(UserError):
                found[f"{f.name} {value}"] = kind(**{f.name: value})
    return found


def _others(value: Any) -> tuple[Any, ...]:
    """Other values for a setting: the other truth; half of a number, 1/2 for 0; for a share one that is nearer to 1."""
    if isinstance(value, bool):
        return (not value,)
    if not isinstance(value, float):
        return ()
    return (value / 2 or 0.5, *((1 - (1 - value) / 10,) if 0.5 < value < 1 else ()))


def check_optimizers(
    engines: Sequence[Engine],
    optimizers: Sequence[type[Optimizer]] | None = None,
    *,
    dtypes: Sequence[DType] = ("float64", "float32"),
    reference: Engine | None = None,
    keep: Keep | None = None,
) -> CheckReport:
    """Check optimizers (all that are registered, if None): weights and state after each step, against the reference's.

    An engine's variants are checked too; their findings say so in their case. The reference is by default the reference
    engine, in float64. `keep` is called with every step that differs.
    """
    reference = reference or reference_engine()
    reports = []
    for kind in OPTIMIZERS.values() if optimizers is None else optimizers:
        start = perf_counter()
        runs = {case: _Run(reference, optimizer) for case, optimizer in settings_of(kind).items()}
        number = list(OPTIMIZERS.values()).index(kind) if kind in OPTIMIZERS.values() else 0
        long = {
            (case, dtype): LongRun(reference, optimizer, dtype)
            for case, optimizer in long_runs(kind, number).items()
            for dtype in dtypes
        }
        ways = Ways()
        findings = tuple(
            f
            for engine in engines
            for variant, varied in variants(engine).items()
            for dtype in dtypes
            for f in _check(varied, variant, kind, runs, long, dtype, keep, ways)
        )
        reports.append(CheckReport(kind.__name__, findings, {kind.__name__: perf_counter() - start}, ways.taken))
    return CheckReport.joined("optimizers", reports)


def batches() -> tuple[tuple[str, Arrays], ...]:
    """What is awkward about each step, and the batch that makes it so."""
    rng = np.random.default_rng(0)
    ones, signs = np.ones(N), np.array([1.0, -1.0] * (N // 2))
    # Targets keep away from the outputs, which small weights make: w s - t must not cancel.
    steps = (
        ("ordinary", rng.uniform(0.5, 1.5, N), rng.uniform(4, 6, N)),
        ("ordinary, other signs", -rng.uniform(0.5, 1.5, N), rng.uniform(4, 6, N)),
        ("zero", 0 * ones, -ones),
        ("huge", ones, 1e6 * signs + 2e6),
        ("tiny", 1e-6 * signs, -1e-3 * ones),
        ("huge, other signs", ones, -1e6 * signs - 2e6),
        ("sparse", np.where(np.arange(N) == 2, 1.0, 0.0), -ones),
        ("tiny and huge", np.where(np.arange(N) % 2, 1e-6, 1.0), -1e4 * ones),
        *(("ordinary", rng.uniform(0.5, 1.5, N) * signs, rng.uniform(4, 6, N)) for _ in FAR_ON),
    )
    return tuple((name, {"x": np.diag(s), "y": t[:, np.newaxis]}) for name, s, t in steps)


BATCHES = batches()

NUMBERS = (*range(7), 8, *FAR_ON)
"""The number of each of these steps, from 0. One is left out, which those who count by themselves miss."""


class _Run:
    """The reference's run with one optimizer."""

    def __init__(self, reference: Engine, optimizer: Optimizer) -> None:
        self.reference = reference
        self.optimizer = optimizer

    @cached_property
    def graph(self) -> Graph:
        """One linear layer."""
        return Sequential(("fc", Linear(1))).build(Shape("N", N)).with_loss(MSE())

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Before the first step, and after each."""
        rng = np.random.default_rng(1)
        start = {name: rng.standard_normal(spec.shape) for name, spec in self.graph.parameters.items()}
        trainer = self.reference.compile(self.graph, start, dtype="float64")
        trainer.load_optimizer_state(self.optimizer, {})
        found = [Place.of(trainer)]
        found += (take(trainer, self.optimizer, step) for step in range(len(BATCHES)))
        return tuple(found)


def take(trainer: Trainer, optimizer: Optimizer, step: int) -> Place:
    """Where a trainer stands after a step."""
    trainer.train_step(BATCHES[step][1], optimizer, Mode(training=True, step=NUMBERS[step]))
    return Place.of(trainer)


def _check(
    engine: Engine,
    variant: str,
    kind: type[Optimizer],
    runs: Mapping[str, _Run],
    long: Mapping[tuple[str, DType], LongRun],
    dtype: DType,
    keep: Keep | None,
    ways: Ways,
) -> Iterator[Finding]:
    replay = f"backproof check optimizer {kind.__name__.lower()} --engines {engine.name} --dtype {dtype}"
    reference = next(iter(runs.values())).reference.name
    comparison = FindingBuilder(kind.__name__, "", engine.name, dtype, reference, replay, variant)
    if reference == engine.name and not variant:
        yield comparison.skipped(EVERYTHING, f"engine '{engine.name}' is the reference")
        return
    if not engine.capabilities.trains:
        yield comparison.skipped(EVERYTHING, f"engine '{engine.name}' cannot train")
        return
    if not variant:
        declared = {case: run.optimizer for case, run in runs.items()}
        declared |= {case: run.optimizer for (case, _), run in long.items()}
        for case, optimizer in declared.items():
            yield from check_declared(optimizer, comparison.on(case))
    right = True
    for case, run in runs.items():
        try:
            trainer = engine.compile(run.graph, run.places[0].parameters, dtype=dtype)
            trainer.load_optimizer_state(run.optimizer, {})
        except UserError as error:
            if not variant:
                yield comparison.skipped(EVERYTHING, str(error))
            return
        try:
            alone = list(_alone(trainer, run, comparison.on(case), keep))
            yield from alone
            right &= all(finding.passed for finding in alone)
            ways.add(engine.name, trainer)
            if all(finding.passed for finding in alone):  # else right steps propagate the error of a wrong one
                yield from _in_a_row(trainer, run, comparison.on(case))
        except Exception as error:  # whatever an engine does with a good step, the check goes on
            yield comparison.on(case).failed(error)
    for (case, of_dtype), long_run in long.items():
        if of_dtype != dtype or not right:  # a wrong step is named already; what comes of it is no further error
            continue
        try:
            yield from long_run.check(engine, comparison.on(case), ways)
        except Exception as error:
            yield comparison.on(case).failed(error)


def _alone(trainer: Trainer, run: _Run, comparison: FindingBuilder, keep: Keep | None) -> Iterator[Finding]:
    """Each step from the reference's weights and state."""
    allowed = tolerance(comparison.dtype, N)
    for step, (number, (awkward, batch)) in enumerate(zip(NUMBERS, BATCHES, strict=True)):
        before, expected = run.places[step], run.places[step + 1].arrays
        trainer.load(before.parameters)
        trainer.load_optimizer_state(run.optimizer, before.state)
        found = take(trainer, run.optimizer, step).arrays
        at_step = comparison.on(f"{comparison.case}, step {number + 1} ({awkward} gradients)")
        findings = list(compare_step(found, (before.arrays, expected), at_step, allowed))
        case = Case(run.graph, before.parameters, batch, Mode(training=True, step=number))
        failure = Failure(at_step, case, found, expected, allowed, run.optimizer, before.state)
        yield from kept(findings, keep, failure)


def _in_a_row(trainer: Trainer, run: _Run, comparison: FindingBuilder) -> Iterator[Finding]:
    """All steps, with what the trainer itself made of weights and state."""
    trainer.load(run.places[0].parameters)
    trainer.load_optimizer_state(run.optimizer, {})
    for step in range(len(BATCHES)):
        found = take(trainer, run.optimizer, step)
    comparison = comparison.on(f"{comparison.case}, {len(BATCHES)} steps in a row")
    allowed = len(BATCHES) * tolerance(comparison.dtype, N)
    yield from compare_step(found.arrays, [place.arrays for place in run.places], comparison, allowed)
