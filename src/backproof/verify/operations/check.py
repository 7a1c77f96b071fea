"""Every operation over all its samples, in every engine: results against a reference, and what every engine owes.

The reference is the reference engine, in float64, on the very numbers that the checked engine was given: for float32
they are rounded to float32 first. Two engines that both agree with it agree with each other to twice the tolerance. The
reference itself is checked by complex steps where the formula allows it, and by finite differences everywhere.

An engine that only predicts is checked on outputs, in evaluation mode.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from time import perf_counter

import numpy as np

from backproof.engines import DType, Engine, reference_engine, variants
from backproof.errors import UserError
from backproof.graph import OPERATIONS, Loss, Op
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import ROOM, Case, Results, for_prediction, make_case, results, run_case, sensitivity
from backproof.verify.core.failure import Failure, Keep, kept
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.location import EVERYTHING, LOSS, OUTPUT
from backproof.verify.core.rounding import rounded
from backproof.verify.core.tolerances import difference, difference_of_finite, tolerance
from backproof.verify.core.ways import Ways
from backproof.verify.operations.attribution import with_the_same_slope
from backproof.verify.operations.contract import check_contract, shapes_and_dtypes
from backproof.verify.operations.gradients import check_against_numbers


def check_ops(
    engines: Sequence[Engine],
    ops: Sequence[type[Op]] | None = None,
    *,
    seeds: Sequence[int] = range(3),
    dtypes: Sequence[DType] = ("float64", "float32"),
    contract: bool = True,
    reference: Engine | None = None,
    keep: Keep | None = None,
) -> CheckReport:
    """Check operations (all that are registered, if None) in engines.

    Each sample is drawn from every seed, in every dtype: output, loss, gradients of inputs and parameters, new running
    statistics. With the first seed also the rest of the contract that engines keep (see there), unless not `contract`,
    and all of it in the engine's variants, whose findings say so in their case.
    The reference is by default the reference engine; it is checked by numbers where it is among `engines`. `keep` is
    called with every case on which an array differs.
    """
    reports = []
    for op in OPERATIONS.values() if ops is None else ops:
        start = perf_counter()
        check = _OpCheck(op, reference or reference_engine(), tuple(seeds), tuple(dtypes), contract, keep)
        with np.errstate(all="ignore"):  # what is not finite is found by comparison
            findings = tuple(finding for engine in engines for finding in check.findings(engine))
        seconds = {op.__name__: perf_counter() - start}
        reports.append(CheckReport(op.__name__, findings, seconds, check.ways.taken))
    return CheckReport.joined("operations", reports)


class _OpCheck:
    """One operation, checked in engines. What the reference computes is computed once for all of them."""

    def __init__(
        self,
        op: type[Op],
        reference: Engine,
        seeds: Sequence[int],
        dtypes: Sequence[DType],
        contract: bool,
        keep: Keep | None,
    ) -> None:
        self._op = op
        self._reference = reference
        self._seeds = seeds
        self._dtypes = dtypes
        self._contract = contract
        self._keep = keep
        self._samples = tuple(op.samples())
        self.ways = Ways()
        self._case = cache(self._make_case)
        self._expected = cache(lambda *which: run_case(reference, self._case(*which)))

    def _make_case(self, number: int, seed: int, dtype: DType, trains: bool) -> Case:
        case = make_case(self._samples[number], seed)
        case = replace(case, parameters=rounded(case.parameters, dtype), inputs=rounded(case.inputs, dtype))
        return case if trains else for_prediction(case)

    def findings(self, engine: Engine) -> Iterator[Finding]:
        """Everything on one engine, with its variants."""
        for variant, varied in variants(engine).items():
            yield from self._variant(varied, variant, self._seeds[:1] if variant else self._seeds)

    def _variant(self, engine: Engine, variant: str, seeds: Sequence[int]) -> Iterator[Finding]:
        for dtype in self._dtypes:
            refusal = self._refusal(engine, dtype)
            if refusal:
                if not variant:  # said once
                    yield FindingBuilder(self._op.__name__, "", engine.name, dtype).skipped(EVERYTHING, refusal)
                continue
            for number in range(len(self._samples)):
                yield from self._sample(engine, variant, number, seeds, dtype)

    def _refusal(self, engine: Engine, dtype: DType) -> str:
        """Why the engine does not compute the operation in this dtype at all; empty if it does."""
        if self._op not in engine.operations:
            return f"engine '{engine.name}' has no kernel for it"
        case = self._case(0, self._seeds[0], dtype, engine.capabilities.trains)
        try:
            engine.compile(case.graph, case.parameters, dtype=dtype)
        except UserError as error:
            return str(error)
        return ""

    def _sample(
        self, engine: Engine, variant: str, number: int, seeds: Sequence[int], dtype: DType
    ) -> Iterator[Finding]:
        """One sample, from every seed, in a trainer that is compiled once."""
        sample, trains = self._samples[number], engine.capabilities.trains
        replay = f"backproof check op {self._op.__name__} --engines {engine.name} --dtype {dtype}"
        another = bool(variant) or engine.name != self._reference.name
        compared = another and self._op in self._reference.operations
        reference = self._reference.name if compared else "contract"
        comparison = FindingBuilder(self._op.__name__, "", engine.name, dtype, reference, replay, variant)
        if not sample.finite and self._op.__name__ in engine.capabilities.finite_only:
            yield comparison.on(str(sample)).skipped(EVERYTHING, "the engine is right on finite numbers alone")
            return
        try:
            case = self._case(number, self._seeds[0], dtype, trains)
            trainer = engine.compile(case.graph, case.parameters, dtype=dtype)
            for seed in seeds:
                case, comparison = self._case(number, seed, dtype, trains), comparison.on(f"{sample}, seed {seed}")
                trainer.load(case.parameters)
                found = results(trainer, case)
                yield shapes_and_dtypes(found, case, trains, comparison)
                if compared:
                    expected = self._expected(number, seed, dtype, trains)
                    if sample.finite:
                        yield from self._compare(found, expected, case, comparison)
                    else:
                        # What is handed back is NaN where 0 is a factor, or is not where nothing is multiplied.
                        outputs_alone = sample.values in ("nan", "infinite weight")
                        yield from self._compare_finite(found, expected, case, comparison, outputs_alone)
            if self._contract and dtype == self._dtypes[0]:
                first = self._seeds[0]
                case, comparison = self._case(number, first, dtype, trains), comparison.on(f"{sample}, seed {first}")
                trainer.load(case.parameters)
                yield from check_contract(engine, trainer, case, comparison)
                if trains and dtype == "float64" and not compared and sample.finite and case.graph.loss:
                    yield from check_against_numbers(trainer, case, comparison)
            self.ways.add(engine.name, trainer)
        except Exception as error:  # whatever an engine makes of a good case, the check goes on
            yield comparison.against("contract").failed(error)

    def _compare_finite(
        self, found: Results, expected: Results, case: Case, comparison: FindingBuilder, outputs_alone: bool
    ) -> Iterator[Finding]:
        """Every array, or outputs alone, where the reference's is finite; NaN and infinities are where it has them."""
        allowed = tolerance(comparison.dtype, case.terms)
        both = [location for location in expected if location in found and location != LOSS]
        if outputs_alone or not difference_of_finite(found[OUTPUT], expected[OUTPUT]) <= allowed:
            both = [OUTPUT]  # what follows from a wrong one is no further error
        findings = [
            comparison.array(at.within("op"), found[at], expected[at], allowed, difference_of_finite) for at in both
        ]
        yield from kept(findings, self._keep, Failure(comparison, case, found, expected, allowed))

    def _compare(self, found: Results, expected: Results, case: Case, comparison: FindingBuilder) -> Iterator[Finding]:
        """Every array against the reference's. What an engine lacks, `shapes_and_dtypes` has reported."""
        allowed = tolerance(comparison.dtype, case.terms)
        result, other = (LOSS, OUTPUT) if issubclass(self._op, Loss) else (OUTPUT, LOSS)
        both = [location for location in expected if location in found and location != other]
        fair = expected
        if any(not difference(found[at], expected[at]) <= allowed for at in both):
            # Rarely needed, and it takes the reference some more runs.
            allowed += ROOM * sensitivity(partial(run_case, self._reference), case, expected, comparison.dtype)
            if result == OUTPUT and not difference(found[OUTPUT], expected[OUTPUT]) <= allowed:
                # A wrong output gives a wrong gradient back; what follows from that is no further error.
                same = with_the_same_slope(case, found[OUTPUT], expected[OUTPUT])
                again = {} if same is None else run_case(self._reference, same)
                fair = {at: again.get(at, y) if at.direction == "backward" else y for at, y in expected.items()}
                both = [at for at in both if again or at.direction == "forward"]
        findings = [comparison.array(at.within("op"), found[at], fair[at], allowed) for at in both]
        yield from kept(findings, self._keep, Failure(comparison, case, found, expected, allowed))
