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
from backproof.verify import CheckReport, check_gradients, check_model, check_trajectory
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.location import EVERYTHING
from backproof.verify.networks.check import LOOPS
from backproof.verify.networks.node_gradients import check_node_gradients
from backproof.verify.training.anomaly import check_anomalies

Say = Callable[[str], None]

TOLERANCE = 1e-7
"""Of the gradient check, as in a run."""

WORK = 5e8
"""Multiply-adds, forward, of the batches that a run is checked on. About a hundred passes are taken of them.

A batch of more is checked on its first samples: an error of an engine is in each of them, and shows in a few.
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
    say: Say,
) -> list[CheckReport]:
    """Node by node, and with an optimizer step by step. `engines` empty: all that are installed and fast enough."""
    chosen = engines_for(case, engines)
    with _one_thread():
        network = check_model(
            case.graph,
            case.parameters,
            case.inputs,
            chosen,
            mode=case.mode,
            dtype=dtype,
            nodes=nodes,
            title=case.title,
            replay=replay,
            say=say,
        )
        if optimizer is None:
            return [network]
        say(f"{len(case.batches)} training steps")
        assert network.expected_from is not None
        training = check_trajectory(
            case.graph,
            case.parameters,
            [engine for engine in chosen if engine.capabilities.trains],
            optimizer,
            case.batches,
            reference=network.expected_from,
            state=case.state,
            first_step=case.mode.step,
            seed=case.mode.seed,
            dtype=dtype,
        )
    return [network, training]


def check_run(run: Run, engines: Sequence[str], *, dtype: DType, steps: int, say: Say) -> list[CheckReport]:
    """A run's checkpoint on the batches that come next: node by node, training steps, anomalies, gradients."""
    case, own = case_of_run(run, max(steps, 1))
    case = few_samples(case)
    with _one_thread():
        say("anomalies")
        anomalies = check_anomalies(
            own,
            case.graph,
            case.parameters,
            case.batches,
            mode=case.mode,
            dtype=run.spec.engine.dtype,
            optimizer=case.optimizer,
        )
        gradients = _gradients(case, own, say)
    names = [own.name, *(name for name in engines or _quick(case) if name != own.name)]
    optimizer = case.optimizer if steps else None
    return [*check_case(case, names, dtype=dtype, optimizer=optimizer, say=say), anomalies, gradients]


def few_samples(case: TrainingCase) -> TrainingCase:
    """The case on as many samples a batch as `WORK` and `FEWEST` say; its title says if these are not all."""
    samples = case.first.samples
    few = max(FEWEST, int(samples * WORK / case.first.work))
    if few >= samples:
        return case
    batches = tuple({name: array[:few] for name, array in batch.items()} for batch in case.batches)
    return replace(case, batches=batches, title=f"{case.title}, {few} of {samples} samples a batch")


def _quick(case: TrainingCase) -> list[str]:
    """Installed engines that answer soon: no plain loops; of a large network none that compiles each node alone."""
    slow = ("loops",) if case.first.work <= SWEEP else ("loops", "compiles")
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

    The reference engine is skipped where its plain loops would take too long.
    """
    if names:
        return [get_engine(name) for name in names]
    engines = [get_engine(name) for name in ENGINES if installed(name)]
    slow = case.first.work > LOOPS
    needed = {type(node.op) for node in case.graph.nodes}
    able = [e for e in engines if needed <= set(e.operations) and not (slow and e.capabilities.speed == "loops")]
    if not able:
        raise OptionError("no engine has all operations of {}; name some with {engines} to see what lacks", case.title)
    return able


def _gradients(case: TrainingCase, engine: Engine, say: Say) -> CheckReport:
    """Analytical against numerical gradients as findings, by tensor: of the whole network, or of its nodes."""
    graph, parameters, inputs, mode = case.graph, case.parameters, case.inputs, case.mode
    if case.first.work > SWEEP:
        few = {name: array[:FEWEST] for name, array in inputs.items()}
        report = check_node_gradients(engine, graph, parameters, few, mode, say=say)
    else:
        say("finite differences")
        trainer = engine.compile(graph, parameters, dtype="float64")
        rng = np.random.default_rng(mode.seed)
        report = check_gradients(trainer, inputs, mode, case.optimizer, rng=rng, coordinates=3, tolerance=TOLERANCE)
    comparison = FindingBuilder("gradients", "on the next batch", engine.name, "float64", "finite differences")
    findings = [comparison.unchecked(EVERYTHING, str(report))] if report.diverged else []
    for tensor in report.tensors:
        finding = replace(comparison, subject=tensor.name).gradient(tensor, TOLERANCE)
        findings.append(replace(finding, location=replace(finding.location, name="")))
    return CheckReport("finite differences", tuple(findings))
