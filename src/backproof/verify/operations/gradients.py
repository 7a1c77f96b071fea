"""The gradients of one operation against numbers: finite differences, and complex steps where a formula allows them."""

from collections.abc import Iterator

import numpy as np

from backproof.engines import Trainer
from backproof.verify.core.case import Case, results
from backproof.verify.core.comparison import Question
from backproof.verify.core.finding import Finding
from backproof.verify.core.gradient_check import TOLERANCE, check_gradients
from backproof.verify.core.gradient_report import TensorCheck
from backproof.verify.core.tolerances import tolerance
from backproof.verify.operations.complex_step import complex_gradients

COORDINATES = 4
"""Single elements probed in each tensor, besides the directions that see all of them at once."""


def check_against_numbers(trainer: Trainer, case: Case, ask: Question) -> Iterator[Finding]:
    """Every gradient that `trainer`, in float64, computes on `case`."""
    report = check_gradients(
        trainer, case.inputs, case.mode, rng=np.random.default_rng(case.mode.seed), coordinates=COORDINATES
    )
    for tensor in report.tensors:
        yield numerical(tensor, ask)
    exact = complex_gradients(case)
    if exact is None:
        yield ask.left_out("gradients", "no formula for complex numbers", judge="complex step")
        return
    found = results(trainer, case)
    allowed = tolerance("float64", sum(np.size(x) for x in case.inputs.values()))
    for what, expected in exact.items():
        yield ask.judged(what.replace("op.", ""), found[what], expected, "complex step", allowed)


def numerical(tensor: TensorCheck, ask: Question) -> Finding:
    """What finite differences say of one tensor, as a finding. Kinks are counted in its detail."""
    what = f"gradient of {'input ' if tensor.kind == 'input' else ''}{tensor.name.replace('op.', '')}"
    kinks = f"{tensor.kinks} probes left out at kinks" if tensor.kinks else ""
    if not tensor.checked:
        return ask.left_out(what, "a kink at every probe", judge="numbers")
    if tensor.worst is None:
        return Finding(
            ask.subject, ask.case, what, ask.engine, "numbers", ask.dtype, tensor.error, TOLERANCE, "agrees", kinks
        )
    a, n = tensor.worst.analytical, tensor.worst.numerical
    detail = f"along {tensor.worst.where}: analytical {a:.12g}, numerical {n:.12g}"
    return Finding(
        ask.subject,
        ask.case,
        what,
        ask.engine,
        "numbers",
        ask.dtype,
        tensor.worst.error,
        TOLERANCE,
        "differs",
        "; ".join(filter(None, (detail, kinks))),
        ask.replay,
    )
