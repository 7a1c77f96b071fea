"""A user's operation on cases of our own making, besides its samples: what fails is made small, and shown in words."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from backproof.engines import Mode, installed
from backproof.engines.custom import EXPRESSIONS, KERNELS
from backproof.errors import UserError
from backproof.graph import Op, Sample
from backproof.registry import is_built_in
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import Results
from backproof.verify.core.finding import Finding
from backproof.verify.core.location import EVERYTHING, OUTPUT, Location
from backproof.verify.custom.calls import EVERY_BATCH, alike_in_batches, call_often, is_random, plain_case, tiny
from backproof.verify.custom.draw import MOST, op_cases, smallest
from backproof.verify.custom.drawn import AnyKernel, Drawn, compute, output_shape
from backproof.verify.custom.engine import Guard
from backproof.verify.custom.fault import Fault, Key
from backproof.verify.custom.laws import NOISE, STATE, Expected, Laws
from backproof.verify.custom.simplify import simplified
from backproof.verify.custom.snippet import in_words, snippet

EXAMPLES = 100
"""Cases drawn for each seed of the check."""

PLACES = 4
"""Faults of one operation that are looked for; more follow from these."""

LOOPS = 150
"""Numbers in a case that the loops of the reference engine compute, at most."""


def laws_of(op: type[Op]) -> Laws:
    """The laws for an operation that has a kernel of a user's: a new one, which nobody has called."""
    kernel = Guard(op, KERNELS["numpy"][op].written)
    samples = tuple(op.samples())
    references: dict[str, Expected] = {}
    if is_built_in(op.__module__):
        from backproof.engines.reference.kernels import KERNELS as REFERENCE

        references["reference"] = partial(compute, REFERENCE[op])
    elif op in EXPRESSIONS and installed("torch"):
        references["PyTorch expression"] = partial(_by_pytorch, op)
    return Laws(kernel, samples, references)


def check_drawn(op: type[Op], comparison: FindingBuilder, seeds: Sequence[int]) -> Iterator[Finding]:
    """Findings on cases that no sample has: `EXAMPLES` for each of `seeds`, of which the first decides what is drawn.

    One for each thing that was compared and is right, with the number of cases; one for each that is wrong, on the
    smallest case.
    """
    with np.errstate(all="ignore"):
        yield from _check_drawn(laws_of(op), comparison, seeds)


def _check_drawn(laws: Laws, comparison: FindingBuilder, seeds: Sequence[int]) -> Iterator[Finding]:
    for sample in laws.samples[:3]:
        case = plain_case(sample)
        try:
            compute(laws.kernel, case)
        except Exception:
            return  # the check of the samples has reported it
        if often := call_often(laws.kernel, case):
            anew = ((Guard(type(sample.op), laws.kernel.written), plain_case(small)) for small in tiny(sample))
            small = next(filter(None, (_often(*each) for each in anew)), None)
            yield _wrong(*(small or often), laws, comparison)
            return
    yield comparison.contract(STATE.name)
    laws.random = is_random(laws.kernel, laws.samples)
    if batches := alike_in_batches(laws.kernel, laws.samples, random=laws.random):
        yield _wrong(*batches, laws, comparison, small=True)
    else:
        yield comparison.contract(EVERY_BATCH.name)
    found = yield from _drawn(laws, comparison, seeds)
    yield from laws.findings(comparison, "cases", found | {(STATE, "contract")})
    if laws.not_finite:
        why = f"the output is not finite on {laws.not_finite} of the cases drawn, whose numbers are up to 1e4"
        yield comparison.against("finite differences").skipped(OUTPUT, why)
    if laws.refused:
        yield comparison.skipped(EVERYTHING, f"the kernel refuses {laws.refused} of the cases drawn")


def _often(kernel: AnyKernel, case: Drawn) -> tuple[Drawn, Fault] | None:
    """`call_often` of a kernel that may not take the case."""
    try:
        return call_often(kernel, replace(case, inputs=tuple(np.ones_like(x) for x in case.inputs)))
    except UserError:
        return None


def _drawn(laws: Laws, comparison: FindingBuilder, seeds: Sequence[int]) -> Generator[Finding, None, set[Key]]:
    """Each fault on its smallest case; what they are is returned."""
    cases = op_cases(laws.samples, MOST if "reference" not in laws.references else LOOPS)
    found: set[Key] = set()
    while len(found) < PLACES:

        def fails(case: Drawn) -> bool:
            return any(fault.key not in found for fault in laws.faults(case))

        case = smallest(cases, fails, EXAMPLES * len(seeds), seeds[0])
        if case is None:
            break
        first = next(fault for fault in laws.faults(case) if fault.key not in found)
        found.add(first.key)
        yield _wrong(case, first, laws, comparison)
        if first.location in NOISE or first.location == STATE:
            break
    return found


def _wrong(
    case: Drawn,
    fault: Fault,
    laws: Laws,
    comparison: FindingBuilder,
    *,
    small: bool = False,
) -> Finding:
    """The finding on a fault: with simpler numbers, if those of the case are not `small` already."""
    if not small and case.calls == 2:
        case = simplified(case, lambda c: any(f.key == fault.key for f in laws.faults(c)))
        fault = next(f for f in laws.faults(case) if f.key == fault.key)
    finding = fault.finding(comparison, case, in_words(case))
    again = "" if small else snippet(case)
    return replace(finding, replay=again or finding.replay)


def faults_on(
    op: Op,
    inputs: Sequence[npt.ArrayLike],
    parameters: Mapping[str, npt.ArrayLike],
    dy: npt.ArrayLike | None,
    mode: Mode,
    *,
    other: Sequence[npt.ArrayLike] | None,
    calls: int,
    constants: tuple[int, ...],
) -> list[str]:
    """What is wrong on one case, a sentence each. See `backproof.testing.assert_case`."""
    if type(op) not in KERNELS["numpy"]:
        name = type(op).__name__
        raise UserError(f"{name} has no kernel of yours; put @bp.custom.kernel({name}) above one")
    laws = laws_of(type(op))
    with np.errstate(all="ignore"):
        laws.random = is_random(laws.kernel, laws.samples) if calls == 2 else False
    case = _case(op, inputs, parameters, dy, mode, constants)
    if other is not None:
        between = _case(op, other, parameters, None, mode, constants)
        case = replace(case, other=between)
    case = replace(case, calls=calls)
    return [fault.on(case) for fault in laws.faults(case)]


def _case(
    op: Op,
    inputs: Sequence[npt.ArrayLike],
    parameters: Mapping[str, npt.ArrayLike],
    dy: npt.ArrayLike | None,
    mode: Mode,
    constants: tuple[int, ...],
) -> Drawn:
    """A case of given numbers. Raises `UserError` for parameters or a `dy` that do not fit."""
    arrays = tuple(np.array(x) for x in inputs)
    sample = Sample(op=op, shapes=tuple(x.shape for x in arrays), training=mode.training, constants=constants)
    shape = output_shape(sample)
    wanted = {name: spec.shape for name, spec in op.parameters(*sample.declared).items()}
    given = {name: np.array(value, np.float64) for name, value in parameters.items()}
    if {name: value.shape for name, value in given.items()} != wanted:
        raise UserError(f"{op} has the parameters {wanted} here, not {[f'{n} {v.shape}' for n, v in given.items()]}")
    slope = np.ones(shape) if dy is None else np.array(dy, np.float64)
    if slope.shape != shape:
        raise UserError(f"dy has shape {slope.shape} where the output of {op} has {shape}")
    return Drawn(sample, arrays, given, slope, mode)


def _by_pytorch(op: type[Op], case: Drawn) -> Results:
    from backproof.engines.torch.expression import differentiate

    y, of_inputs, of_parameters = differentiate(
        EXPRESSIONS[op], case.op, case.inputs, case.parameters, lambda _: case.dy
    )
    found = {OUTPUT: y} | {Location("gradient of input", f"x{i}"): g for i, g in enumerate(of_inputs) if g is not None}
    return found | {Location("gradient of parameter", name): g for name, g in of_parameters.items() if g is not None}
