"""What no single case shows: results that depend on how often a kernel was called, or on the size of the batch."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np

from backproof.engines import Mode
from backproof.graph import Array, Loss, Sample
from backproof.verify.core.location import OUTPUT, Location
from backproof.verify.custom.drawn import AnyKernel, Drawn, Pass, compute, draw_dy, output_shape
from backproof.verify.custom.fault import Fault, broken
from backproof.verify.custom.laws import (
    CLOSE,
    STATE,
    both_in_words,
    distance,
    first_unequal,
    twice_in_words,
)

CALLS = 300
"""How often one case is computed."""

BATCHES = (2, 3, 4, 5, 6, 7, 8, 16, 17, 32, 33)

QUICK, THOROUGH = 4, 40
"""Draws on which a batch must always be right and another always wrong. Labels that do not count, and other rare
things, differ between batches by chance, but not on 40 draws."""

EVERY_BATCH = Location("contract", "the same in every batch")


def plain_case(sample: Sample, seed: int = 0, *, training: bool | None = None) -> Drawn:
    """What a sample itself says."""
    rng = np.random.default_rng(seed)
    mode = Mode(training=sample.training if training is None else training)
    inputs = sample.inputs(rng)
    parameters = {
        name: rng.standard_normal(spec.shape) if spec.trainable else rng.uniform(0.5, 1.5, spec.shape)
        for name, spec in sample.op.parameters(*sample.declared).items()
    }
    return Drawn(replace(sample, training=mode.training), inputs, parameters, draw_dy(sample, rng), mode)


def is_random(kernel: AnyKernel, samples: Sequence[Sample]) -> bool:
    """Whether the seed of the pass matters, as it does where masks are drawn from it."""
    for sample in samples:
        case = plain_case(sample, training=True)
        first = compute(kernel, case)
        if any(first_unequal(first, compute(kernel, case.in_mode(seed=seed))) for seed in (1, 2, 3)):
            return True
    return False


def call_often(kernel: AnyKernel, case: Drawn) -> tuple[Drawn, Fault] | None:
    """The same call again and again: the first that gives another result, and the case with that number of calls.

    What differs at the second is random, or nothing that calls add up to.
    """
    first = compute(kernel, case)
    if first_unequal(first, compute(kernel, case)):
        return None
    for number in range(3, CALLS + 1):
        again = compute(kernel, case)
        if at := first_unequal(first, again):
            case = replace(case, calls=number)
            return case, broken(STATE, partial(twice_in_words, at, first, again, case))
    return None


def tiny(sample: Sample) -> Iterator[Sample]:
    """The sample on the smallest shapes that it may have, and as it is."""
    for size in (1, 2):
        with suppress(Exception):  # the operation may need more
            small = sample.resized(min(sample.batch, size), partial(min, size))
            output_shape(small)
            yield small
    yield sample


def alike_in_batches(kernel: AnyKernel, samples: Sequence[Sample], *, random: bool) -> tuple[Drawn, Fault] | None:
    """Batches in which a sample comes out as it does alone, and others in which it never does.

    Most operations look at each sample by itself, and the mean of a loss is that of its samples; batch normalisation
    in training is no such operation, whatever the batch. What is one for batches of 3 and none for those of 2 is wrong.
    """
    modes = (True, False) if not random else (False,)
    for sample in samples:
        if not sample.shapes or not sample.batch_first:
            continue
        for training in modes:
            if _batches_apart(kernel, sample, training, QUICK):
                found = (_batches_apart(kernel, small, training, THOROUGH) for small in tiny(sample))
                if wrong := next(filter(None, found), None):
                    return wrong
    return None


def _batches_apart(kernel: AnyKernel, sample: Sample, training: bool, draws: int) -> tuple[Drawn, Fault] | None:
    always, never = set(BATCHES), set(BATCHES)
    last: dict[int, tuple[Drawn, Array, Array]] = {}
    for seed in range(draws):
        try:
            whole = _rounded(plain_case(sample.resized(max(BATCHES), int), seed, training=training))
            alone = [Pass(kernel, _some(whole, i, 1)).forward()[OUTPUT] for i in range(max(BATCHES))]
            for n in BATCHES:
                case = _some(whole, 0, n)
                together = Pass(kernel, case).forward()[OUTPUT]
                expected = np.mean(alone[:n]) if isinstance(sample.op, Loss) else np.concatenate(alone[:n])
                last[n] = (case, together, np.asarray(expected))
                same = distance(together, np.asarray(expected), 1.0) <= CLOSE
                (never if same else always).discard(n)
        except Exception:  # a kernel may refuse a batch of one; what it may not, is found on cases drawn
            return None
    if not always or not never:
        return None
    case, together, expected = last[min(never)]
    found, right = {OUTPUT: together}, {OUTPUT: expected}
    each = "the mean of its samples, each alone," if isinstance(sample.op, Loss) else "its samples, each alone"
    right_ones = ", ".join(str(n) for n in BATCHES if n in always)
    both = both_in_words(OUTPUT, found, right, f"a batch of {min(never)}", each)
    detail = f"output {both}; with {right_ones} samples both are equal"
    return case, broken(EVERY_BATCH, detail)


def _rounded(case: Drawn) -> Drawn:
    """With numbers that are short to write."""
    return replace(case, inputs=tuple(np.round(x, 1) for x in case.inputs), dy=np.ones_like(case.dy))


def _some(case: Drawn, first: int, count: int) -> Drawn:
    """Some of a case's samples, one after the other."""
    part = slice(first, first + count)
    constants = case.sample.constants
    inputs = tuple(x if i in constants else x[part] for i, x in enumerate(case.inputs))
    sample = replace(case.sample, shapes=tuple(x.shape for x in inputs))
    return replace(case, sample=sample, inputs=inputs, dy=case.dy[part] if case.dy.ndim else case.dy)
