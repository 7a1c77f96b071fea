"""Every operation over all its samples, in every engine: results against a judge, and what engines promise besides.

The judge is the reference engine, in float64, on the very numbers that the judged engine was given: for float32 they
are rounded to float32 first. Two engines that both agree with it agree with each other to twice the tolerance. The
judge itself is held against numbers: complex steps where the formula allows it, finite differences everywhere.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from time import perf_counter

import numpy as np

from backproof.engines import DType, Engine, reference_engine
from backproof.errors import UserError
from backproof.graph import OPERATIONS, Array, Arrays, Loss, Op
from backproof.verify.core.case import ROOM, Case, make_case, results, run_case, sensitivity
from backproof.verify.core.comparison import Question
from backproof.verify.core.failure import Keep, kept
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.tolerances import difference, tolerance
from backproof.verify.operations.attribution import with_the_same_slope
from backproof.verify.operations.contract import check_promises, shapes_and_dtypes
from backproof.verify.operations.gradients import check_against_numbers

Watch = Callable[[CheckReport], None]
"""Called with the report on each subject as soon as it is there."""


def check_ops(
    engines: Sequence[Engine],
    ops: Sequence[type[Op]] | None = None,
    *,
    seeds: Sequence[int] = range(3),
    dtypes: Sequence[DType] = ("float64", "float32"),
    promises: bool = True,
    judge: Engine | None = None,
    keep: Keep | None = None,
    watch: Watch | None = None,
) -> CheckReport:
    """Check operations (all that are registered, if None) in engines.

    Each sample is drawn from every seed, in every dtype: output, loss, gradients of inputs and parameters, new running
    statistics. With the first seed also what engines promise besides (see there), unless not `promises`. The judge is
    by default the reference engine; it is held against numbers where it is among `engines`. `keep` is told of every
    array that differs.
    """
    judge = judge or reference_engine()
    reports = []
    for op in OPERATIONS.values() if ops is None else ops:
        start = perf_counter()
        exam = _Exam(op, judge, seeds, dtypes, promises, keep)
        findings = tuple(finding for engine in engines for finding in exam.findings(engine))
        reports.append(CheckReport(op.__name__, findings, {op.__name__: perf_counter() - start}))
        if watch is not None:
            watch(reports[-1])
    return CheckReport.joined("operations", reports)


def rounded(case: Case, dtype: DType) -> Case:
    """The case with all floats rounded to `dtype`, so that engine and judge are given the same numbers."""

    def to(array: Array) -> Array:
        return array.astype(dtype).astype(np.float64) if array.dtype.kind == "f" else array

    return replace(
        case,
        parameters={name: to(value) for name, value in case.parameters.items()},
        inputs={name: to(value) for name, value in case.inputs.items()},
    )


class _Exam:
    """One operation, put to engines. What the judge says is computed once for all of them."""

    def __init__(
        self,
        op: type[Op],
        judge: Engine,
        seeds: Sequence[int],
        dtypes: Sequence[DType],
        promises: bool,
        keep: Keep | None,
    ) -> None:
        self._op = op
        self._judge = judge
        self._seeds = seeds
        self._dtypes = dtypes
        self._promises = promises
        self._keep = keep
        self._samples = tuple(op.samples())
        self._case = cache(self._make_case)
        self._expected = cache(lambda *which: run_case(judge, self._case(*which)))

    def findings(self, engine: Engine) -> Iterator[Finding]:
        """Everything on one engine."""
        for dtype in self._dtypes:
            refusal = self._refusal(engine, dtype)
            if refusal:
                yield Question(self._op.__name__, "", engine.name, dtype).left_out("everything", refusal)
                continue
            for number in range(len(self._samples)):
                yield from self._sample(engine, number, dtype)

    def _refusal(self, engine: Engine, dtype: DType) -> str:
        """Why the engine does not compute the operation in this dtype at all; empty if it does."""
        if self._op not in engine.operations:
            return f"engine '{engine.name}' has no kernel for it"
        case = self._case(0, self._seeds[0], dtype)
        try:
            engine.compile(case.graph, case.parameters, dtype=dtype)
        except UserError as error:
            return str(error)
        return ""

    def _make_case(self, number: int, seed: int, dtype: DType) -> Case:
        return rounded(make_case(self._samples[number], seed), dtype)

    def _sample(self, engine: Engine, number: int, dtype: DType) -> Iterator[Finding]:
        """One sample, from every seed, in a trainer that is compiled once."""
        sample, first = self._samples[number], self._seeds[0]
        replay = f"backproof check op {self._op.__name__} --engines {engine.name} --dtype {dtype}"
        ask = Question(self._op.__name__, f"{sample}, seed {first}", engine.name, dtype, replay)
        case = self._case(number, first, dtype)
        judged = engine.name != self._judge.name and self._op in self._judge.operations
        try:
            trainer = engine.compile(case.graph, case.parameters, dtype=dtype)
            for seed in self._seeds:
                case, ask = self._case(number, seed, dtype), replace(ask, case=f"{sample}, seed {seed}")
                trainer.load(case.parameters)
                found = results(trainer, case)
                yield shapes_and_dtypes(found, case, ask)
                if judged:
                    yield from self._compare(found, self._expected(number, seed, dtype), case, ask)
            if self._promises and dtype == self._dtypes[0]:
                case, ask = self._case(number, first, dtype), replace(ask, case=f"{sample}, seed {first}")
                trainer.load(case.parameters)
                yield from check_promises(engine, trainer, case, ask)
                if dtype == "float64" and not judged:
                    yield from check_against_numbers(trainer, case, ask)
        except Exception as error:  # whatever an engine makes of a good case, the check goes on
            yield ask.failed("everything", error)

    def _compare(self, found: Arrays, expected: Arrays, case: Case, ask: Question) -> Iterator[Finding]:
        """Every array against the judge's. What an engine lacks, `shapes_and_dtypes` has told."""
        terms = sum(np.size(x) for x in case.inputs.values())  # no sum in the case can be longer
        allowed = tolerance(ask.dtype, terms)
        own = "loss" if issubclass(self._op, Loss) else "output"
        both = [what for what in expected if what in found and what not in {"loss", "output"} - {own}]
        fair = expected
        if any(not difference(found[what], expected[what]) <= allowed for what in both):
            # Rarely needed, and it takes the judge some more runs.
            allowed += ROOM * sensitivity(self._judge, case, expected, ask.dtype)
            if own == "output" and not difference(found[own], expected[own]) <= allowed:
                # A wrong output gives a wrong gradient back; what follows from that is no further fault.
                same = with_the_same_slope(case, found[own], expected[own])
                again = {} if same is None else run_case(self._judge, same)
                fair = {w: again.get(w, y) if w.startswith("gradient") else y for w, y in expected.items()}
                both = [w for w in both if again or not w.startswith("gradient")]
        judge = self._judge.name
        findings = [ask.judged(short(w), found[w], fair[w], judge, allowed) for w in both]
        yield from kept(findings, self._keep, ask, case, judge, found, expected, allowed)


def short(what: str) -> str:
    """`gradient of op.weight` as `gradient of weight`: a case has one operation."""
    return what.replace("op.", "")
