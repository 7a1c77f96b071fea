"""A whole network in several engines, node by node: which nodes are error sources, and which only propagate errors.

Two ways to look. *Cumulative*: each engine runs the network by itself, and what flows through it is compared with the
reference's, forward and backward; an error goes on to all that follow. *Isolated*: each node alone gets the reference's
inputs and the reference's gradient of its output; what is wrong now is the node's own error.

The reference computes in float64: the reference engine, or the NumPy engine where plain loops would take too long.
Where an engine differs from the latter and no other confirms it, a small node is checked anew against the former.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from backproof.engines import DType, Engine, Mode, get_engine, reference_engine
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Graph
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.location import Location
from backproof.verify.networks.case import NetworkCase
from backproof.verify.networks.cumulative import check_whole, find_truth
from backproof.verify.networks.isolated import Isolated
from backproof.verify.networks.report import ModelReport, RoundingError

TRAINING = Mode(training=True)

LOOPS = 3e5
"""Multiply-adds, forward, that the reference engine's plain loops are trusted with: a few seconds a pass."""

PICTURES = 6
"""Tensors that get a picture."""


def check_model(
    graph: Graph,
    parameters: Arrays,
    inputs: Arrays,
    engines: Sequence[Engine],
    *,
    mode: Mode = TRAINING,
    dtype: DType = "float64",
    reference: Engine | None = None,
    nodes: Collection[str] = (),
    title: str = "network",
    replay: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> ModelReport:
    """Compare `engines` with a reference in float64, on one batch.

    Args:
        graph: with its loss.
        parameters, inputs: canonical; rounded to float32 first, so that all compute with the same numbers in any dtype.
        engines: what is checked. Of those that only predict, values are compared, in evaluation mode whatever `mode`.
        dtype: float64 finds the smallest errors. How near the engines are to the truth is measured in float32 anyway.
        mode: training takes batch statistics and dropout.
        reference: by default the reference engine, or the NumPy engine where that takes too long.
        nodes: look at these nodes alone in isolation; at all of them if empty.
        replay: a command line that does the same again; a node's finding adds `--node NAME`.
        say: called with what is going on, now and then.

    Raises `UserError` for a network without a loss, for what does not fit it, and where the reference lacks an
    operation.
    """
    if graph.loss is None:
        raise UserError("a network is checked with its loss; give it one with graph.with_loss(...)")
    if not engines:
        raise UserError("a check needs one engine or more")
    for name in nodes:
        graph.require_node(name)
    case = NetworkCase(graph, _rounded(parameters), _rounded(inputs), mode, dtype)
    reference = reference or default_reference(case)
    trainers = [engine for engine in engines if engine.capabilities.trains]
    predictors = [engine for engine in engines if not engine.capabilities.trains]
    reports = []
    with np.errstate(all="ignore"):  # what is not finite is found by comparison, and named
        if trainers:
            reports.append(_check(case, reference, trainers, nodes, title, replay, say))
        if predictors:
            case = replace(case, mode=replace(mode, training=False))
            reports.append(_check(case, reference, predictors, nodes, title, replay, say))
    return reports[0] if not reports[1:] else _together(*reports)


def _check(
    case: NetworkCase,
    reference: Engine,
    engines: Sequence[Engine],
    nodes: Collection[str],
    title: str,
    replay: str,
    say: Callable[[str], None],
) -> ModelReport:
    start = perf_counter()
    say(f"{reference.name} in float64: the network, and what rounding explains")
    truth = find_truth(case, reference)
    seconds = {f"reference {reference.name}": perf_counter() - start}
    cumulative: list[Finding] = []
    rounding_errors: dict[str, RoundingError] = {}
    for engine in engines:
        start = perf_counter()
        say(f"{engine.name}: the whole network")
        found, rounding_error = check_whole(case, truth, engine)
        cumulative += found
        if rounding_error is not None:
            rounding_errors[engine.name] = rounding_error
        seconds[f"{engine.name} on the whole network"] = perf_counter() - start
    start = perf_counter()
    alone = Isolated(case, truth, engines)
    chosen = [node for node in case.graph.nodes if not nodes or node.name in nodes]
    isolated = list(alone.check(chosen, replay, say))
    pictures = [alone.picture(finding) for finding in worth_a_picture(isolated)]
    seconds["node by node"] = perf_counter() - start
    return ModelReport(
        title=title,
        findings=(*isolated, *cumulative),
        seconds=seconds,
        graph=case.graph,
        dtype=case.dtype,
        reference=reference.name,
        rounding_errors=rounding_errors,
        pictures=tuple(picture for picture in pictures if picture is not None),
    )


def _together(trainers: ModelReport, predictors: ModelReport) -> ModelReport:
    """One report on engines that were checked in training and in evaluation mode."""
    both = CheckReport.joined(trainers.title, (trainers, predictors))
    return replace(
        trainers,
        findings=both.findings,
        seconds=both.seconds,
        rounding_errors={**trainers.rounding_errors, **predictors.rounding_errors},
        pictures=trainers.pictures + predictors.pictures,
    )


def default_reference(case: NetworkCase) -> Engine:
    """The reference engine, or the NumPy engine where it has no kernel or its plain loops would take too long."""
    reference = reference_engine()
    able = all(type(node.op) in reference.operations for node in case.graph.nodes)
    return reference if able and case.work <= LOOPS else get_engine("numpy")


def worth_a_picture(isolated: Sequence[Finding]) -> list[Finding]:
    """Errors in the order of the computation, then what comes nearest to one; each tensor once."""
    compared = [f for f in isolated if f.verdict in ("agrees", "differs")]
    place = {f.subject: i for i, f in enumerate(compared)}
    errors = [f for f in compared if not f.passed]
    forward = [f for f in errors if f.location.direction == "forward"]
    backward = [f for f in errors if f.location.direction == "backward"]
    others = sorted((f for f in compared if f.passed), key=lambda f: -f.badness)
    first: dict[tuple[str, Location], Finding] = {}
    for finding in (*forward, *sorted(backward, key=lambda f: -place[f.subject]), *others):
        first.setdefault((finding.subject, finding.location), finding)
    return list(first.values())[:PICTURES]


def _rounded(arrays: Arrays) -> dict[str, Array]:
    return {name: a.astype(np.float32) if a.dtype.kind == "f" else a for name, a in arrays.items()}
