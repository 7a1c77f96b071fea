"""Checks of a whole network and of a run, put together from the rungs of the ladder."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from backproof.engines import ENGINES, DType, Engine, get_engine, installed
from backproof.errors import OptionError
from backproof.optim import Optimizer
from backproof.runs.checks.case import TrainingCase, case_of_run
from backproof.runs.store import Run
from backproof.verify import CheckReport, Finding, Verdict, check_gradients, check_model, check_trajectory
from backproof.verify.networks.case import NetworkCase
from backproof.verify.networks.check import default_judge
from backproof.verify.networks.node_gradients import check_node_gradients
from backproof.verify.training.anomaly import check_anomalies

Tell = Callable[[str], None]

TOLERANCE = 1e-7
"""Of the gradient check, as in a run."""

WORK = 5e8
"""Multiply-adds, forward, of the batches that a run is checked on. About a hundred passes are taken of them.

A batch of more is checked on its first samples: a fault of an engine is in each of them, and shows in a few.
"""

FEWEST = 4
"""Samples that are taken in any case: a batch normalisation of fewer has hardly a spread."""

SWEEP = 3e7
"""Multiply-adds, forward, up to which gradients by numbers, thousands of passes, are taken of a network as a whole."""


def check_case(
    case: TrainingCase,
    engines: Sequence[str],
    *,
    dtype: DType,
    nodes: Collection[str] = (),
    replay: str = "",
    optimizer: Optimizer | None = None,
    tell: Tell,
) -> list[CheckReport]:
    """Node by node, and with an optimizer step by step. `engines` empty: all that are installed and fast enough."""
    chosen = engines_for(case, engines)
    with _one_thread():
        parity = check_model(
            case.graph,
            case.parameters,
            case.inputs,
            chosen,
            mode=case.mode,
            dtype=dtype,
            nodes=nodes,
            title=case.title,
            replay=replay,
            tell=tell,
        )
        reports: list[CheckReport] = [parity]
        if optimizer is not None:
            tell(f"{len(case.batches)} training steps")
            judge = get_engine(parity.judged_by.split()[0])
            reports.append(
                check_trajectory(
                    case.graph,
                    case.parameters,
                    [engine for engine in chosen if engine.capabilities.trains],
                    optimizer,
                    case.batches,
                    judge=judge,
                    state=case.state,
                    first_step=case.mode.step,
                    seed=case.mode.seed,
                    dtype=judge.capabilities.nearest_dtype(dtype),
                )
            )
    return reports


def check_run(run: Run, engines: Sequence[str], *, dtype: DType, steps: int, tell: Tell) -> list[CheckReport]:
    """A run's checkpoint on the batches that come next: anomalies, gradients by numbers, parity, training steps."""
    case, spec = case_of_run(run, max(steps, 1))
    case = few_samples(case)
    own = get_engine(spec.engine.engine, **spec.engine.settings)
    with _one_thread():
        tell("anomalies")
        anomalies = check_anomalies(
            own,
            case.graph,
            case.parameters,
            case.batches,
            mode=case.mode,
            dtype=spec.engine.dtype,
            optimizer=case.optimizer,
        )
        numbers = _gradients(case, own, tell)
    names = [own.name, *(name for name in engines or _quick(case) if name != own.name)]
    return [
        *check_case(case, names, dtype=dtype, optimizer=case.optimizer if steps else None, tell=tell),
        anomalies,
        numbers,
    ]


def few_samples(case: TrainingCase) -> TrainingCase:
    """The case on as many samples a batch as `WORK` and `FEWEST` say; its title tells if these are not all."""
    samples = len(case.inputs[case.graph.inputs[0].name])
    few = max(FEWEST, int(samples * WORK / _work(case)))
    if few >= samples:
        return case
    batches = tuple({name: array[:few] for name, array in batch.items()} for batch in case.batches)
    return replace(case, batches=batches, title=f"{case.title}, {few} of {samples} samples a batch")


def _first_pass(case: TrainingCase) -> NetworkCase:
    return NetworkCase(case.graph, case.parameters, case.inputs, case.mode, "float64")


def _work(case: TrainingCase) -> float:
    """Multiply-adds of a forward pass over the first batch, about."""
    return sum(map(_first_pass(case).work, case.graph.nodes))


def _quick(case: TrainingCase) -> list[str]:
    """Installed engines that answer soon: no plain loops; of a large network none that compiles each node alone."""
    slow = ("loops",) if _work(case) <= SWEEP else ("loops", "compiles")
    return [n for n in ENGINES if installed(n) and get_engine(n).capabilities.speed not in slow]


@contextmanager
def _one_thread() -> Iterator[None]:
    """BLAS and OpenMP compute on one thread: products of a few samples are over before a second one is awake.

    Beside other programs, threads that wait for each other made a check of ResNet-18 five times as long. To be entered
    when engines have been made: libraries that are loaded later are not limited.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def engines_for(case: TrainingCase, names: Sequence[str]) -> list[Engine]:
    """The engines called so; with none, all that are installed and have the operations.

    The reference engine is left out where its plain loops would take too long.
    """
    if names:
        return [get_engine(name) for name in names]
    engines = [get_engine(name) for name in ENGINES if installed(name)]
    slow = default_judge(_first_pass(case)).capabilities.speed != "loops"
    needed = {type(node.op) for node in case.graph.nodes}
    able = [e for e in engines if needed <= set(e.operations) and not (slow and e.capabilities.speed == "loops")]
    if not able:
        raise OptionError("no engine has all operations of {}; name some with {engines} to see what lacks", case.title)
    return able


def _gradients(case: TrainingCase, engine: Engine, tell: Tell) -> CheckReport:
    """Analytical against numerical gradients as findings, by tensor: of the whole network, or of its nodes."""
    graph, parameters, inputs, mode = case.graph, case.parameters, case.inputs, case.mode
    if _work(case) > SWEEP:
        few = {name: array[:FEWEST] for name, array in inputs.items()}
        report = check_node_gradients(engine, graph, parameters, few, mode, tell=tell)
    else:
        tell("gradients by numbers")
        trainer = engine.compile(graph, parameters, dtype="float64")
        rng = np.random.default_rng(mode.seed)
        report = check_gradients(trainer, inputs, mode, case.optimizer, rng=rng, coordinates=3, tolerance=TOLERANCE)
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
