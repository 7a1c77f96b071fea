"""Cases that no sample declares, drawn by Hypothesis from what the samples say, and made small where they fail.

Batches and sizes are 1, even, odd and prime; numbers are from 1e-4 to 1e4, all equal, whole, zero, or of all sizes at
once. The same file and version give the same cases: nothing is kept from one check to the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, assume, find, settings, strategies
from hypothesis.errors import NoSuchExample, Unsatisfiable
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from backproof.engines import Mode
from backproof.graph import Array, Sample
from backproof.optim import Optimizer
from backproof.optim.schedules import Constant, Cosine, Exponential, Step
from backproof.verify.custom.drawn import Drawn, draw_dy, elements_of
from backproof.verify.custom.updates import Steps

SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 13, 16, 33)
"""Of the batch, and of arrays of up to two axes; other axes take those up to 7."""

MAGNITUDES = (1.0, 3.0, 10.0, 100.0, 1e3, 1e4, 0.1, 1e-2, 1e-3, 1e-4)
PATTERNS = ("normal", "whole", "equal", "zero", "all sizes")
STEPS = (0, 1, 2, 9, 10, 11, 50, 100, 1000, 10_000)

COUNTS = (1, 2, 3, 5, 9, 10, 11, 12, 20, 40, 100, 300)
"""Steps of an optimizer: few, around 10, and many of few numbers."""

SCHEDULES = (
    Constant(),
    Constant(warmup=4),
    Exponential(gamma=0.5, every=4),
    Step(gamma=0.5, every=3),
    Cosine(steps=20),
)

MOST = 2000
"""Numbers that go into a case and come out of it; more take long and show no more."""

Case = TypeVar("Case")


class _Provider(HypothesisProvider):
    """Hypothesis's own draws, but for constants that it gathers from modules that happen to be loaded.

    Those would make the cases depend on who asks, and leave a folder where they are asked for.
    """

    def _maybe_draw_constant(self, *args: Any, **settings: Any) -> None:  # noqa: ARG002
        return None


AVAILABLE_PROVIDERS["backproof"] = f"{__name__}._Provider"


def smallest(
    cases: "strategies.SearchStrategy[Case]", fails: Callable[[Case], bool], examples: int, seed: int
) -> Case | None:
    """The smallest case found on which `fails`, or None where it holds on none of so many examples."""
    how = settings(
        database=None,
        deadline=None,
        max_examples=examples,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        backend="backproof",
    )
    try:
        return find(cases, fails, settings=how, random=Random(seed))
    except (NoSuchExample, Unsatisfiable):
        return None


@strategies.composite
def op_cases(draw: strategies.DrawFn, samples: Sequence[Sample], most: int = MOST) -> Drawn:
    """A case of an operation, with another that comes in between."""
    sample = draw(strategies.sampled_from(samples))
    case = _one(draw, sample, most)
    return replace(case, other=replace(_one(draw, sample, most, plain=True), mode=case.mode))


@strategies.composite
def step_cases(draw: strategies.DrawFn, optimizers: Sequence[Optimizer]) -> Steps:
    """Steps of an optimizer, with those of another parameter that come in between."""
    optimizer = draw(strategies.sampled_from(optimizers))
    schedule = draw(strategies.sampled_from(SCHEDULES))
    steps, n = draw(strategies.sampled_from(COUNTS)), draw(strategies.sampled_from(SIZES))
    steps = min(steps, max(COUNTS) // n)
    rng = np.random.default_rng(draw(strategies.integers(0, 1000)))
    w = rng.standard_normal(n) * draw(strategies.sampled_from((1.0, 10.0, 1e3)))
    gradients = rng.standard_normal((steps, n)) * draw(strategies.sampled_from(MAGNITUDES))
    match draw(strategies.sampled_from(("normal", "one sign", "equal", "sparse", "zero", "fading", "all sizes"))):
        case "one sign":
            gradients = np.abs(gradients)
        case "equal":
            gradients = np.full_like(gradients, gradients.flat[0])
        case "sparse":
            gradients = gradients * (rng.random(gradients.shape) < 0.2)
        case "zero":
            gradients = np.zeros_like(gradients)
        case "fading":
            gradients = gradients * 0.5 ** np.arange(steps)[:, np.newaxis]
        case "all sizes":
            gradients = gradients * 10 ** rng.uniform(-4, 2, gradients.shape)
    other = rng.standard_normal((min(steps, 3), draw(strategies.sampled_from((n, 1, 2)))))
    return Steps(replace(optimizer, schedule=schedule), w, gradients, other)


def _one(draw: strategies.DrawFn, sample: Sample, most: int, *, plain: bool = False) -> Drawn:
    sample = _resized(draw, sample, most)
    rng = np.random.default_rng(draw(strategies.integers(0, 1000)))
    mode = Mode(
        training=plain or draw(strategies.sampled_from((True, False))),
        seed=0 if plain else draw(strategies.integers(0, 3)),
        step=0 if plain else draw(strategies.sampled_from(STEPS)),
    )
    arrays = sample.draw(rng)
    inputs = tuple(_with_values(draw, sample, i, x, rng, plain=plain) for i, x in enumerate(arrays))
    scale = 1.0 if plain else draw(strategies.sampled_from((1.0, 10.0, 0.1)))
    parameters = {
        name: rng.standard_normal(spec.shape) * scale if spec.trainable else rng.uniform(0.5, 1.5, spec.shape)
        for name, spec in sample.op.parameters(*sample.declared).items()
    }
    dy = draw_dy(sample, rng) * (1.0 if plain else draw(strategies.sampled_from((1.0, 10.0, 1e4, 1e-4))))
    return Drawn(replace(sample, training=mode.training, values="normal"), inputs, parameters, dy, mode)


def _resized(draw: strategies.DrawFn, sample: Sample, most: int) -> Sample:
    """The sample on other shapes. Axes as long as each other stay so, and the batch is one of them."""
    small = tuple(size for size in SIZES if size <= 7)
    batch = draw(strategies.sampled_from(SIZES))
    lengths: dict[int, int] = {}
    for shape in sample.declared:
        for length in shape.per_sample:
            if length not in lengths:
                choice = SIZES if len(shape) <= 2 else small
                lengths[length] = draw(strategies.sampled_from((*choice, *[length] * len(choice))))
    resized = sample.resized(batch, lengths.__getitem__)
    assume(_fits(resized, most))
    return resized


def _fits(sample: Sample, most: int) -> bool:
    try:
        return elements_of(sample) <= most
    except Exception:  # the operation does not take these shapes
        return False


def _with_values(
    draw: strategies.DrawFn, sample: Sample, place: int, x: Array, rng: np.random.Generator, *, plain: bool
) -> Array:
    """Floats of a drawn pattern and size; what the operation draws where it wants labels or probabilities."""
    if plain or x.dtype.kind != "f" or place in sample.op.probabilities:
        return x
    pattern, magnitude = draw(strategies.sampled_from(PATTERNS)), draw(strategies.sampled_from(MAGNITUDES))
    match pattern:
        case "whole":
            return np.round(magnitude * x)
        case "equal":
            return np.full_like(x, magnitude * x.flat[0])
        case "zero":
            return np.zeros_like(x)
        case "all sizes":
            return x * 10 ** rng.uniform(-4, 4, x.shape)
    return magnitude * x
