"""Checks of a whole network and of a run, put together from the rungs of the ladder."""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from backproof.engines import ENGINES, DType, Engine, get_engine, installed
from backproof.errors import UserError
from backproof.optim import Optimizer
from backproof.runs.question import Question, run_question
from backproof.runs.store import Run
from backproof.verify import CheckReport, Finding, Verdict, check_gradients, check_model, check_trajectory
from backproof.verify.health import check_health
from backproof.verify.model_parity import default_judge
from backproof.verify.network_case import NetworkCase

Tell = Callable[[str], None]

TOLERANCE = 1e-7
"""Of the gradient check, as in a run."""


def check_question(
    question: Question,
    engines: Sequence[str],
    *,
    dtype: DType,
    nodes: Collection[str] = (),
    replay: str = "",
    optimizer: Optimizer | None = None,
    tell: Tell,
) -> list[CheckReport]:
    """Node by node, and with an optimizer step by step. `engines` empty: all that are installed and fast enough."""
    chosen = engines_for(question, engines)
    parity = check_model(
        question.graph,
        question.parameters,
        question.inputs,
        chosen,
        mode=question.mode,
        dtype=dtype,
        nodes=nodes,
        title=question.title,
        replay=replay,
        tell=tell,
    )
    reports: list[CheckReport] = [parity]
    if optimizer is not None:
        tell(f"{len(question.batches)} training steps")
        judge = get_engine(parity.judged_by.split()[0])
        reports.append(
            check_trajectory(
                question.graph,
                question.parameters,
                [engine for engine in chosen if engine.can_train],
                optimizer,
                question.batches,
                judge=judge,
                state=question.state,
                first_step=question.mode.step,
                seed=question.mode.seed,
                dtype="float64" if judge.name == "reference" else dtype,
            )
        )
    return reports


def check_run(run: Run, engines: Sequence[str], *, dtype: DType, steps: int, tell: Tell) -> list[CheckReport]:
    """A run's checkpoint on the batches that come next: health, gradients by numbers, parity, training steps."""
    question, spec = run_question(run, max(steps, 1))
    own = get_engine(spec.engine.engine, **spec.engine.settings)
    tell("health")
    health = check_health(
        own,
        question.graph,
        question.parameters,
        question.batches,
        mode=question.mode,
        dtype=spec.engine.dtype,
        optimizer=question.optimizer,
    )
    tell("gradients by numbers")
    numbers = _gradients(question, own)
    others = engines or [name for name in ENGINES if installed(name) and name != "reference"]
    names = [own.name, *(name for name in others if name != own.name)]
    return [
        *check_question(question, names, dtype=dtype, optimizer=question.optimizer if steps else None, tell=tell),
        health,
        numbers,
    ]


def engines_for(question: Question, names: Sequence[str]) -> list[Engine]:
    """The engines called so; with none, all that are installed and have the operations.

    The reference engine is left out where its plain loops would take too long.
    """
    if names:
        return [get_engine(name) for name in names]
    engines = [get_engine(name) for name in ENGINES if installed(name)]
    case = NetworkCase(question.graph, question.parameters, question.inputs, question.mode, "float64")
    slow = default_judge(case).name != "reference"
    needed = {type(node.op) for node in question.graph.nodes}
    able = [e for e in engines if needed <= set(e.operations) and not (slow and e.name == "reference")]
    if not able:
        raise UserError(f"no engine has all operations of {question.title}; name some with --engines to see what lacks")
    return able


def _gradients(question: Question, engine: Engine) -> CheckReport:
    """Analytical against numerical gradients as findings, by tensor."""
    session = engine.compile(question.graph, question.parameters, dtype="float64")
    rng = np.random.default_rng(question.mode.seed)
    report = check_gradients(
        session, question.inputs, question.mode, question.optimizer, rng=rng, coordinates=3, tolerance=TOLERANCE
    )
    findings = []
    for tensor in report.tensors:
        verdict: Verdict = "differs"
        if tensor.passed:
            verdict = "agrees" if tensor.checked else "left out"
        what, detail = f"gradient of {tensor.kind}", "" if verdict == "agrees" else str(tensor)
        finding = Finding(
            tensor.name, "numbers", what, engine.name, "numbers", "float64", tensor.error, TOLERANCE, verdict, detail
        )
        findings.append(finding)
    return CheckReport("gradients by numbers", tuple(findings))
