"""`backproof check mine.py`: the operations and optimizers of a user's own file, held against all there is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from inspect import getmembers, isclass
from pathlib import Path
from time import perf_counter

import numpy as np

from backproof.engines import Engine, installed
from backproof.engines.custom import EXPRESSIONS, KERNELS, UPDATES, source_file
from backproof.errors import UserError
from backproof.graph import Array, Loss, Op, Sample
from backproof.optim import Optimizer
from backproof.registry import is_built_in
from backproof.user_file import execute, failure
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import Case, Results, make_case, run_case
from backproof.verify.core.failure import Failure, Keep, kept
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.location import EVERYTHING, LOSS, OUTPUT, Location
from backproof.verify.core.tolerances import tolerance
from backproof.verify.custom.engine import CustomEngine
from backproof.verify.operations.check import check_ops
from backproof.verify.optimizers.check import check_optimizers


def read_file(path: Path) -> list[type[Op] | type[Optimizer]]:
    """Run the file and collect the operations and optimizers that it declares, or has kernels and updates for.

    Raises `UserError` if there is no such file, if it fails, or if nothing in it can be checked.
    """
    module = execute(path, f"'{path}'").module
    computed = {op: kernel.inner for op, kernel in KERNELS["numpy"].items()} | UPDATES["numpy"]
    written = [c for c, by in computed.items() if by.__module__ == module.__name__]
    classes = [c for _, c in getmembers(module, isclass) if c.__module__ == module.__name__]
    found = dict.fromkeys((*written, *classes))
    operations = [c for c in found if issubclass(c, Op) and not _is_base(c, classes)]
    optimizers = [c for c in found if issubclass(c, Optimizer) and not _is_base(c, classes)]
    if not operations and not optimizers:
        raise UserError(
            f"'{path}' declares nothing to check: no class in it derives from backproof.graph.Op or "
            f"backproof.optim.Optimizer, and it has no kernel for an operation of ours"
        )
    return [*operations, *optimizers]


def check_file(
    path: Path,
    engines: Sequence[Engine] = (),
    *,
    seeds: Sequence[int] = range(3),
    keep: Keep | None = None,
) -> CheckReport:
    """Check everything that a file declares: see `check_custom`."""
    reports = (_replayed_by(check_custom(kind, engines, seeds=seeds, keep=keep), path) for kind in read_file(path))
    return CheckReport.joined(str(path), reports)


def _replayed_by(report: CheckReport, path: Path) -> CheckReport:
    """The report, whose failures are seen again by checking the file, unless they are kept in one of their own."""
    again = f"backproof check {path}"
    shown = ("backproof check replay", "python -c")
    findings = (f if f.passed or f.replay.startswith(shown) else replace(f, replay=again) for f in report.findings)
    return replace(report, findings=tuple(findings))


def check_custom(
    kind: type[Op] | type[Optimizer],
    engines: Sequence[Engine] = (),
    *,
    seeds: Sequence[int] = range(3),
    keep: Keep | None = None,
) -> CheckReport:
    """Check one operation or optimizer that a user wrote, and that of each of `engines` which has it too.

    An operation: gradients against numbers, the contract of every engine, and the PyTorch expression beside it, if
    there is one, on its samples and on cases of our own making. An optimizer: what every optimizer must obey, and its
    weights against those of the formula, or of the PyTorch optimizer, beside it. Where the class is one of ours, with
    a kernel of theirs, the reference engine is the reference.
    """
    _require_whole(kind)
    start = perf_counter()
    own = CustomEngine()
    drawn: tuple[Finding, ...] = ()
    extra: tuple[Finding, ...] = ()
    if issubclass(kind, Op):
        from backproof.verify.custom.operation import check_drawn  # it imports Hypothesis

        # When nobody has called the kernel yet; and first in the report: a small case says more than a large one.
        again = FindingBuilder(kind.__name__, "", own.name, "float64", replay=f"backproof check op {kind.__name__}")
        drawn = tuple(check_drawn(kind, again, seeds)) if kind in KERNELS["numpy"] else ()
        others = [engine for engine in engines if kind in engine.operations]
        report = check_ops([own, *others], [kind], seeds=seeds, dtypes=("float64",), keep=keep)
        # No formula of ours takes complex numbers for an operation of theirs, and they cannot add one.
        ours = (f for f in report.findings if not (f.reference == "complex step" and f.verdict == "skipped"))
        report = replace(report, findings=tuple(ours))
        extra = tuple(_against_expression(own, kind, seeds, keep)) if kind in KERNELS["numpy"] else ()
    else:
        from backproof.verify.custom.optimizer import check_custom_optimizer, check_steps

        if is_built_in(kind.__module__):
            replay = f"backproof check optimizer {kind.__name__.lower()}"
            drawn = tuple(
                check_steps(kind, FindingBuilder(kind.__name__, "", own.name, "float64", replay=replay), seeds)
            )
            report = check_optimizers([own], [kind], dtypes=("float64",), keep=keep)
        else:
            report = CheckReport(kind.__name__, tuple(check_custom_optimizer(own, kind, seeds)))
    parts = (report.findings, extra, drawn) if keep else (drawn, report.findings, extra)  # what is kept, is shown first
    findings = tuple(finding for part in parts for finding in part)
    return CheckReport(kind.__name__, findings, {kind.__name__: perf_counter() - start})


def _against_expression(own: Engine, op: type[Op], seeds: Sequence[int], keep: Keep | None) -> Iterator[Finding]:
    """The user's kernel against the PyTorch expression beside it."""
    replay = f"backproof check op {op.__name__}"
    comparison = FindingBuilder(op.__name__, "", own.name, "float64", "PyTorch expression", replay)
    if op not in EXPRESSIONS:
        yield comparison.skipped(EVERYTHING, "there is no PyTorch expression beside it")
        return
    if not installed("torch"):
        yield comparison.skipped(EVERYTHING, "PyTorch is not installed")
        return
    for sample in op.samples():
        for seed in seeds:
            comparison = comparison.on(f"{sample}, seed {seed}")
            case = make_case(sample, seed)
            try:
                expected = _expected(case, sample)
            except Exception as error:  # a fault of the user's expression
                yield comparison.failed(error)
                return
            try:
                found = run_case(own, case)
            except UserError:
                return  # the check of the kernel has reported it
            allowed = 4 * tolerance("float64", case.terms)
            both = [at for at in expected if at in found]  # what is missing, the check of the kernel has reported
            findings = [comparison.array(at.within("op"), found[at], expected[at], allowed) for at in both]
            yield from kept(findings, keep, Failure(comparison, case, found, expected, allowed))


def _expected(case: Case, sample: Sample) -> Results:
    """What the PyTorch expression beside the operation makes of a case, as `case.results`."""
    from backproof.engines.torch.expression import differentiate

    loss = isinstance(sample.op, Loss)
    names = [i.name for i in case.graph.inputs][: len(sample.shapes)]
    inputs = [case.inputs[name] for name in names]
    parameters = {name.removeprefix("op."): value for name, value in case.parameters.items()}

    def slope(y: Array) -> Array:  # of the mean square behind it, or of itself
        return np.ones_like(y) if loss else 2 * (y - case.inputs["y"]) / y.size

    y, of_inputs, of_parameters = differentiate(EXPRESSIONS[type(sample.op)], sample.op, inputs, parameters, slope)
    found = {LOSS: y} if loss else {OUTPUT: y}
    found |= {Location("gradient of input", n): g for n, g in zip(names, of_inputs, strict=True) if g is not None}
    return found | {
        Location("gradient of parameter", f"op.{name}"): g for name, g in of_parameters.items() if g is not None
    }


def _is_base(cls: type, classes: Sequence[type]) -> bool:
    """Whether others in the file derive from it, and it has no kernel itself: it only gathers what they share."""
    computed = cls in KERNELS["numpy"] or cls in UPDATES["numpy"]
    return not computed and any(c is not cls and issubclass(c, cls) for c in classes)


def _require_whole(kind: type[Op] | type[Optimizer]) -> None:
    """Raise `UserError` for a declaration that lacks something."""
    name, path = kind.__name__, Path(source_file(kind))
    place = f"'{path.name}': " if path.name else ""
    if issubclass(kind, Optimizer):
        if kind not in UPDATES["numpy"]:
            raise UserError(f"{place}{name} has no update; put @bp.custom.update({name}) above its formula")
        return
    if kind not in KERNELS["numpy"]:
        raise UserError(
            f"{place}{name} has no kernel; put @bp.custom.kernel({name}) above a class with forward and backward"
        )
    try:
        samples = list(kind.samples())
    except NotImplementedError:
        samples = []
    except Exception as error:
        raise failure(path, error, f"'{path.name}'", f"{name}.samples") from error
    if not samples:
        raise UserError(
            f"{place}{name} has no samples; write a classmethod samples that yields Sample(op=..., shapes=...), batch "
            f"first"
        )
    for sample in samples:
        if not isinstance(sample, Sample):
            raise UserError(f"{place}{name}.samples yields a {type(sample).__name__}, not a Sample(op=..., shapes=...)")
        try:
            make_case(sample, 0)
        except NotImplementedError:
            raise UserError(f"{place}{name} has no output_shape; it takes the inputs' shapes and returns one") from None
        except UserError as error:
            raise UserError(f"{place}{name} refuses its own sample {sample}: {error}") from error
        except Exception as error:
            raise failure(path, error, f"'{path.name}'", f"{name} on its sample {sample}") from error
