"""For your own tests: assert that operations, engines and optimizers are right; `backproof check` as functions.

    import backproof as bp

    def test_my_layer():
        bp.testing.assert_op(MyLayer)

Failures are `AssertionError`s that say what differs, where, and by how much. And what a file for
`backproof check FILE.py` is made of: the decorators `kernel`, `update` and `pytorch`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy.typing as npt

from backproof.engines import DType, Engine, Mode, get_engine, reference_engine
from backproof.engines.custom import KERNELS, UPDATES, kernel, pytorch, update
from backproof.errors import UserError
from backproof.graph import OPERATIONS, Op
from backproof.optim import Optimizer, require_optimizer
from backproof.user_file import execute
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.custom.file import check_custom
from backproof.verify.operations.check import check_ops
from backproof.verify.optimizers.check import check_optimizers

__all__ = [
    "assert_case",
    "assert_engines_agree",
    "assert_op",
    "assert_optimizer",
    "assert_steps",
    "kernel",
    "load",
    "pytorch",
    "update",
]

SHOWN = 5
"""Failures that a message shows one by one."""


def assert_op(op: type[Op], *, engines: Sequence[str | Engine] = (), seeds: Sequence[int] = range(3)) -> None:
    """Assert that `op` is right on all its samples.

    An operation with a kernel of yours (`kernel`): its gradients against numbers, in float64, the contract of every
    kernel, and the PyTorch expression beside it (`pytorch`). One that engines have: in each of `engines`, against the
    reference engine. Raises `AssertionError`; `UserError` for what is declared wrongly.
    """
    if op in KERNELS["numpy"]:
        _require(check_custom(op, _engines(engines), seeds=seeds))
        return
    chosen = _engines(engines) or [reference_engine()]
    _require(check_ops(chosen, [op], seeds=seeds))


def assert_case(
    op: Op,
    *inputs: npt.ArrayLike,
    parameters: Mapping[str, npt.ArrayLike] | None = None,
    dy: npt.ArrayLike | None = None,
    training: bool = True,
    seed: int = 0,
    step: int = 0,
    other: Sequence[npt.ArrayLike] | None = None,
    calls: int = 2,
    constants: tuple[int, ...] = (),
) -> None:
    """Assert that your kernel of `op` is right on one case, as `backproof check FILE.py` draws and prints it.

    Gradients against the slopes of what `forward` gives, and all else that must hold on every case. `inputs` and
    `parameters` are numbers, of which whole ones are labels (`[1, 0]`) and others floats (`[1.0, 0.0]`); `dy` is the
    gradient of the output, by default 1 everywhere. `other` are the inputs of another call between `forward` and
    `backward`; `calls` says how often the case is computed; `constants` are places of inputs without a batch axis.
    Raises `AssertionError` that says what is wrong; `UserError` for what does not fit.
    """
    __tracebackhide__ = True
    from backproof.verify.custom.operation import faults_on

    wrong = faults_on(
        op, inputs, parameters or {}, dy, Mode(training, seed, step), other=other, calls=calls, constants=constants
    )
    if wrong:
        raise AssertionError("\n".join(wrong))


def assert_steps(
    optimizer: Optimizer, w: npt.ArrayLike, gradients: npt.ArrayLike, *, other: npt.ArrayLike | None = None
) -> None:
    """Assert that your update of `optimizer` is right on some steps, as `backproof check FILE.py` draws and prints.

    What every optimizer must obey, and the formula beside it. `w` are the weights before the first step, (n,),
    `gradients` are (steps, n), and `other` those of another parameter, whose steps come in between. Raises
    `AssertionError` that says what is wrong; `UserError` for what does not fit.
    """
    __tracebackhide__ = True
    from backproof.verify.custom.optimizer import faults_of

    if wrong := faults_of(optimizer, w, gradients, other):
        raise AssertionError("\n".join(wrong))


def load(path: str) -> ModuleType:
    """Your Python file as a module, with what it declares: `load("mine.py").MyGELU`. Raises `UserError` if it fails."""
    return execute(Path(path), f"'{path}'").module


def assert_engines_agree(
    engines: Sequence[str | Engine],
    ops: Sequence[type[Op]] | None = None,
    *,
    seeds: Sequence[int] = range(3),
    dtypes: Sequence[DType] = ("float64", "float32"),
) -> None:
    """Assert that all `engines` agree with the reference engine on operations; None: all that there are."""

    _require(
        check_ops(
            _engines(engines), tuple(OPERATIONS.built_in.values()) if ops is None else ops, seeds=seeds, dtypes=dtypes
        )
    )


def assert_optimizer(optimizer: str | type[Optimizer], *, engines: Sequence[str | Engine] = ()) -> None:
    """Assert that an optimizer is right, step by step on awkward gradients.

    One with an update of yours (`update`): what every optimizer must obey, and as the formula beside it
    (`backproof.custom.formula`) or the PyTorch optimizer (`pytorch`); without either it fails.
    One of ours, by class or name: in each of `engines`, against the reference engine.
    """
    kind = require_optimizer(optimizer) if isinstance(optimizer, str) else optimizer
    if kind in UPDATES["numpy"]:
        _require(check_custom(kind))
        return
    if not engines:
        raise UserError(f"assert_optimizer needs engines to hold {kind.__name__} against the reference engine")
    _require(check_optimizers(_engines(engines), [kind]))


def _engines(engines: Sequence[str | Engine]) -> list[Engine]:
    return [get_engine(engine) if isinstance(engine, str) else engine for engine in engines]


def _require(report: CheckReport) -> None:
    """Raise `AssertionError` with the first failure of each array."""
    __tracebackhide__ = True  # pytest shows the line of the test instead
    if report.passed:
        return
    first: dict[object, Finding] = {}
    for f in report.failures:
        first.setdefault((f.subject, f.engine, f.reference, f.location), f)
    lines = [str(f) for f in first.values()] or [str(f) for f in report.unchecked]
    lines = lines or ["nothing could be checked: " + "; ".join(map(str, report.skipped))]
    more = [f"... and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    compared = sum(f.compared for f in report.findings)
    head = f"{len(report.failures)} of {compared} comparisons disagree"
    raise AssertionError("\n".join([head, *lines[:SHOWN], *more]))
