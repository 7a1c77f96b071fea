"""A user's own optimizer: what it must obey, whatever its formula is, and that formula, if it stands beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from backproof.engines import Engine, Mode, installed
from backproof.engines.custom import FORMULAS, TORCH_OPTIMIZERS, UPDATES
from backproof.engines.inputs import check_optimizer_state
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Sequential, Shape
from backproof.ops import MSE, Linear
from backproof.optim import Optimizer
from backproof.registry import is_built_in
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.finding import Finding
from backproof.verify.core.location import EVERYTHING
from backproof.verify.custom.draw import smallest, step_cases
from backproof.verify.custom.fault import AGAIN, Fault, Key
from backproof.verify.custom.operation import EXAMPLES, PLACES
from backproof.verify.custom.simplify import simplified_steps
from backproof.verify.custom.snippet import steps_in_words, steps_snippet
from backproof.verify.custom.updates import (
    DOWNHILL,
    SHARED,
    WEIGHT,
    Steps,
    Update,
    UpdateLaws,
    call_often,
    goes_downhill,
)
from backproof.verify.optimizers.check import BATCHES, N, settings_of

LONG = 400
"""Steps of the longest run."""

GRAPH = Sequential(("fc", Linear(1))).build(Shape("N", N)).with_loss(MSE())


def check_custom_optimizer(own: Engine, kind: type[Optimizer], seeds: Sequence[int] = range(3)) -> Iterator[Finding]:
    """Findings on the user's update of `kind`, in float64: on drawn steps, and in the engine, on awkward gradients."""
    replay = f"backproof check optimizer {kind.__name__.lower()}"
    comparison = FindingBuilder(kind.__name__, "", own.name, "float64", replay=replay)
    start = {name: np.linspace(-1, 1, spec.shape[-1]).reshape(spec.shape) for name, spec in GRAPH.parameters.items()}
    try:
        yield from check_steps(kind, comparison, seeds)
        for case, optimizer in settings_of(kind).items():
            yield from _sane(own, optimizer, start, comparison.on(case))
    except Exception as error:  # a fault of the user's update
        yield comparison.failed(error)


def laws_of(kind: type[Optimizer]) -> UpdateLaws:
    """The laws for an optimizer, with the formulas beside it."""
    formula = FORMULAS.get(kind)
    if formula is None and is_built_in(kind.__module__):
        from backproof.engines.reference.optimizers import UPDATES as REFERENCE

        formula = _by_element(REFERENCE[kind])
    beside = kind in TORCH_OPTIMIZERS and installed("torch")
    return UpdateLaws(UPDATES["numpy"][kind], formula, partial(_by_pytorch, kind) if beside else None)


def check_steps(kind: type[Optimizer], comparison: FindingBuilder, seeds: Sequence[int]) -> Iterator[Finding]:
    """Findings on steps that are drawn: what every optimizer must obey, and the formulas beside it.

    Of each thing that is wrong one finding, on the fewest and simplest steps. What has no formula beside it is not
    checked, whatever it obeys.
    """
    laws = laws_of(kind)
    plain = [o for name, o in settings_of(kind).items() if "decay" not in name and "warm-up" not in name]
    if often := call_often(laws.update, kind()):  # first, while nobody has called it
        yield comparison.contract(AGAIN.name, often)
        return
    if down := goes_downhill(laws.update, kind()):
        yield comparison.contract(DOWNHILL.name, down)
    else:
        yield comparison.contract(DOWNHILL.name)
    found: set[Key] = set()
    while len(found) < PLACES:

        def fails(steps: Steps) -> bool:
            return any(fault.key not in found for fault in laws.faults(steps))

        long = (Steps(o, np.ones(2), np.random.default_rng(0).standard_normal((LONG, 2))) for o in plain)
        steps = smallest(step_cases(plain), fails, EXAMPLES * len(seeds), seeds[0]) or next(filter(fails, long), None)
        if steps is None:
            break
        fault = next(f for f in laws.faults(steps) if f.key not in found)
        found.add(fault.key)
        yield _wrong(steps, fault, laws, comparison)
        if fault.location in (AGAIN, SHARED, EVERYTHING):
            return
    yield from laws.findings(comparison, "runs", found)
    if laws.formula is None and laws.weights_after is None:
        missing = kind in TORCH_OPTIMIZERS
        why = (
            "PyTorch is not installed"
            if missing
            else f"there is none beside it: write @bp.custom.formula({kind.__name__})"
        )
        yield comparison.against("formula").unchecked(WEIGHT, why)


def _wrong(steps: Steps, fault: Fault, laws: UpdateLaws, comparison: FindingBuilder) -> Finding:
    steps = simplified_steps(steps, lambda s: any(f.key == fault.key for f in laws.faults(s)))
    fault = next(f for f in laws.faults(steps) if f.key == fault.key)
    finding = fault.finding(comparison, steps, steps_in_words(steps))
    return replace(finding, replay=steps_snippet(steps) or finding.replay)


def faults_of(
    optimizer: Optimizer, w: npt.ArrayLike, gradients: npt.ArrayLike, other: npt.ArrayLike | None
) -> list[str]:
    """What is wrong on some steps, a sentence each. See `backproof.testing.assert_steps`."""
    kind = type(optimizer)
    if kind not in UPDATES["numpy"]:
        raise UserError(f"{kind.__name__} has no update of yours; put @bp.custom.update({kind.__name__}) above one")
    weights, slopes = np.array(w, np.float64), np.array(gradients, np.float64)
    if weights.ndim != 1 or slopes.ndim != 2 or slopes.shape[1:] != weights.shape:
        raise UserError(f"w has shape {weights.shape} and gradients {slopes.shape}; they are (n,) and (steps, n)")
    steps = Steps(optimizer, weights, slopes, None if other is None else np.array(other, np.float64))
    return [fault.on(steps) for fault in laws_of(kind).faults(steps)]


def _by_element(formula: Update) -> Update:
    """A formula on numbers, taken over arrays."""

    def update(o: Optimizer, w: Array, g: Array, lr: float, t: int, *state: Array) -> tuple[Array, ...]:
        made = [
            formula(o, *map(float, (a, b)), lr, t, *map(float, slots))
            for a, b, *slots in zip(w, g, *state, strict=True)
        ]
        return tuple(np.array(column) for column in zip(*made, strict=True))

    return update


def _by_pytorch(kind: type[Optimizer], steps: Steps) -> list[Array]:
    from backproof.engines.torch.expression import weights_after

    return weights_after(TORCH_OPTIMIZERS[kind], steps.optimizer, steps.w, list(steps.gradients))


def _sane(own: Engine, optimizer: Optimizer, start: Arrays, comparison: FindingBuilder) -> Iterator[Finding]:
    """Finite after every step, the same twice, and still at a rate of 0."""
    ends = []
    for _ in range(2):
        trainer = own.compile(GRAPH, start, dtype="float64")
        for step, (awkward, batch) in enumerate(BATCHES):
            trainer.train_step(batch, optimizer, Mode(training=True, step=step))
            arrays = trainer.parameters() | trainer.optimizer_state()
            bad = [name for name, value in arrays.items() if not np.all(np.isfinite(value))]
            if bad:
                yield comparison.contract(
                    "finite", f"after step {step + 1} ({awkward} gradients) {bad[0]} is not finite"
                )
                return
        check_optimizer_state(GRAPH, optimizer, trainer.optimizer_state())
        ends.append(arrays)
    yield comparison.contract("finite")
    same = all(np.array_equal(value, ends[1][name]) for name, value in ends[0].items())
    yield comparison.contract("the same again", "" if same else "two runs from the same start end apart")
    still = own.compile(GRAPH, start, dtype="float64")
    still.train_step(BATCHES[0][1], replace(optimizer, lr=0.0), Mode(training=True))
    moved = [name for name, value in still.parameters().items() if not np.array_equal(value, start[name])]
    yield comparison.contract("a rate of 0 moves nothing", f"{moved[0]} moves" if moved else "")
