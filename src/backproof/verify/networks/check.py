"""A whole network in several engines, node by node: which nodes are error sources, and which only propagate errors.

Two ways to look. *Cumulative*: each engine runs the network by itself, and what flows through it is compared with the
reference's, forward and backward; an error goes on to all that follow. *Isolated*: each node alone gets the reference's
inputs and the reference's gradient of its output; what is wrong now is the node's own error.

The reference computes in float64: the reference engine's plain loops, or its other form, over whole arrays, where those
would take too long. Where an engine differs from it, all are laid side by side (`dispute`). If that shows that the
reference is wrong, it is one of the checked from then on, and another engine takes its place.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

import numpy as np

from backproof.engines import DType, Engine, Mode, reference_engine
from backproof.errors import ModelError, UserError
from backproof.graph import Array, Arrays, Graph
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.gradient_check import TOLERANCE
from backproof.verify.core.location import EVERYTHING, Location
from backproof.verify.networks.case import NetworkCase
from backproof.verify.networks.cumulative import Truth, as_it_runs, check_whole, find_truth, loss_along
from backproof.verify.networks.dispute import Dispute, Voice, bystanders, settle
from backproof.verify.networks.isolated import Isolated, ReferenceWrongError
from backproof.verify.networks.node_gradients import check_node_gradients
from backproof.verify.networks.report import NETWORK, ModelReport, RoundingError

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
        reference: by default the reference engine, over whole arrays where plain loops take too long, or where it is
            itself among `engines`. An engine is never held against itself.
        nodes: look at these nodes alone in isolation; at all of them if empty.
        replay: a command line that does the same again; a node's finding adds `--node NAME`.
        say: called with what is going on, now and then.

    Where no engine can be the reference, gradients are held against finite differences, and values are not checked.
    Raises `UserError` for a network without a loss, and for what does not fit it.
    """
    if graph.loss is None:
        raise UserError("a network is checked with its loss; give it one with graph.with_loss(...)")
    if not engines:
        raise UserError("a check needs one engine or more")
    for name in nodes:
        graph.require_node(name)
    case = NetworkCase(graph, _rounded(parameters), _rounded(inputs), mode, dtype)
    try:
        chosen = reference or default_reference(case, engines)
    except ModelError as error:
        return _by_numbers(case, engines, title, str(error), say)
    own = [engine for engine in engines if type(engine) is type(chosen)]
    others = [engine for engine in engines if engine not in own]
    evaluation = replace(case, mode=replace(mode, training=False))
    reports = []
    with np.errstate(all="ignore"):  # what is not finite is found by comparison, and named
        for group in (others, own):
            against = chosen if group is others else default_reference(case, own)
            trainers = [engine for engine in group if engine.capabilities.trains]
            predictors = [engine for engine in group if not engine.capabilities.trains]
            if trainers:
                reports.append(_check_justly(case, against, trainers, nodes, title, replay, say))
            for able in dict.fromkeys(map(case.dtype_of, predictors)):  # one of float32 alone is right to float32
                alike = [engine for engine in predictors if case.dtype_of(engine) == able]
                reports.append(
                    _check_justly(replace(evaluation, dtype=able), against, alike, nodes, title, replay, say)
                )
    return reports[0] if not reports[1:] else _together(reports)


def _by_numbers(
    case: NetworkCase, engines: Sequence[Engine], title: str, why: str, say: Callable[[str], None]
) -> ModelReport:
    """Gradients of each node against finite differences, where no engine can be the reference; values have none."""
    findings: list[Finding] = []
    for engine in engines:
        comparison = FindingBuilder(NETWORK, "cumulative", engine.name, "float64", "finite differences")
        findings.append(comparison.unchecked(Location("output"), f"no engine can be the reference: {why}"))
        try:
            report = check_node_gradients(engine, case.graph, case.parameters, case.inputs, case.mode, say=say)
        except Exception as error:  # an engine that is being written may fail in any way
            findings.append(comparison.failed(error))
            continue
        for tensor in report.tensors:
            node = tensor.name.rpartition(" into " if " into " in tensor.name else ".")
            subject = node[2] if tensor.kind == "input" else node[0]
            findings.append(replace(comparison, subject=subject, case="isolated").gradient(tensor, TOLERANCE))
    return ModelReport(
        title=title, findings=tuple(findings), graph=case.graph, dtype=case.dtype, reference="finite differences"
    )


def _check_justly(
    case: NetworkCase,
    reference: Engine,
    engines: Sequence[Engine],
    nodes: Collection[str],
    title: str,
    replay: str,
    say: Callable[[str], None],
) -> ModelReport:
    """The check; once more against another reference, with this one among the checked, where it turns out wrong."""
    checked, tried = list(engines), [reference]
    while True:
        try:
            return _check(case, reference, checked, nodes, title, replay, say)
        except ReferenceWrongError as found:
            if not any(engine.name == reference.name for engine in checked):
                checked.append(reference)
            reference = next(_successors(case, checked, tried, found.wrong), None)  # type: ignore[assignment]
            if reference is None:
                raise UserError(f"no engine is left to be the reference of {title}: {found}") from None
            say(f"{tried[-1].name} is wrong; from the beginning against {reference.name}")
            tried.append(reference)


def _successors(
    case: NetworkCase, checked: Sequence[Engine], tried: Sequence[Engine], wrong: Sequence[Engine]
) -> Iterator[Engine]:
    """Who may be the next reference: the other form of the reference engine, other engines, at last a checked one."""
    forms = [reference_engine(vectorised=True)]
    if case.work <= LOOPS:
        forms.append(reference_engine())
    yield from (form for form in forms if not any(type(form) is type(engine) for engine in (*tried, *wrong)))
    yield from bystanders(case.graph, [*checked, *wrong])
    fit = (e for e in checked if e.capabilities.trains and "float64" in e.capabilities.dtypes)
    yield from (e for e in fit if not any(type(e) is type(engine) for engine in (*tried, *wrong)))


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
    others = [engine for engine in engines if type(engine) is not type(reference)]
    cumulative = [_its_own_reference(case, engine) for engine in engines if engine not in others]
    rounding_errors: dict[str, RoundingError] = {}
    for engine in others:
        start = perf_counter()
        say(f"{engine.name}: the whole network")
        found, rounding_error = check_whole(case, truth, engine)
        cumulative += found
        if rounding_error is not None:
            rounding_errors[engine.name] = rounding_error
        seconds[f"{engine.name} on the whole network"] = perf_counter() - start
    start = perf_counter()
    alone = Isolated(case, truth, others)
    chosen = [node for node in case.graph.nodes if not nodes or node.name in nodes]
    isolated = list(alone.check(chosen, replay, say))
    disputes = [*alone.disputes, *_across_nodes(case, truth, others, isolated, cumulative)]
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
        disputes=tuple(disputes),
        expected_from=reference,
    )


def _its_own_reference(case: NetworkCase, engine: Engine) -> Finding:
    comparison = case.comparison(NETWORK, "cumulative", engine, engine)
    return comparison.unchecked(EVERYTHING, "it had to be the reference, and nothing else is there to hold it against")


def _across_nodes(
    case: NetworkCase,
    truth: Truth,
    engines: Sequence[Engine],
    isolated: Sequence[Finding],
    cumulative: Sequence[Finding],
) -> Iterator[Dispute]:
    """The dispute on the network as it runs, where engines part that are right at each node. May find nothing.

    Raises `ReferenceWrongError`.
    """
    faulty = {f.engine for f in isolated if not f.passed}
    sound = [e for e in engines if e.name not in faulty and e.capabilities.trains]
    parted = [f for f in cumulative if f.verdict == "differs" and any(f.engine == e.name for e in sound)]
    runs = [f for f in parted if f.case == "as it runs"]
    if not runs:
        return
    first = next((f for f in runs if f.location.direction == "backward"), runs[0])
    location, backward = first.location, first.location.direction == "backward"
    reference = truth.reference
    answers = [Voice(engine, as_it_runs(case, engine).get(location)) for engine in (reference, *sound)]
    more = (Voice(e, as_it_runs(case, e).get(location)) for e in bystanders(case.graph, (reference, *engines)))
    by_numbers = partial(loss_along, case, location) if backward else None
    dispute, wrong = settle(NETWORK, location, answers, first.tolerance, more, by_numbers)
    if any(engine is reference for engine in wrong):
        raise ReferenceWrongError(dispute, wrong)
    yield dispute


def _together(reports: Sequence[ModelReport]) -> ModelReport:
    """One report on engines that were checked in training and in evaluation mode, or against several references."""
    joined = CheckReport.joined(reports[0].title, reports)
    return replace(
        reports[0],
        findings=joined.findings,
        seconds=joined.seconds,
        rounding_errors={name: error for report in reports for name, error in report.rounding_errors.items()},
        pictures=tuple(picture for report in reports for picture in report.pictures),
        disputes=tuple(dispute for report in reports for dispute in report.disputes),
    )


def default_reference(case: NetworkCase, engines: Sequence[Engine] = ()) -> Engine:
    """The reference engine, in plain loops where they are quick enough, in a form that is not among `engines`.

    Where there is none, or it lacks kernels for the network, another engine, if possible not among `engines`. Raises
    `ModelError` if no engine has all kernels.
    """
    loops, arrays = reference_engine(), reference_engine(vectorised=True)
    lacking: ModelError | None = None
    try:
        arrays.compile(case.graph, case.parameters, dtype="float64")
    except ModelError as error:
        lacking = error
    else:
        for form in [loops, arrays] if case.work <= LOOPS else [arrays]:
            if not any(type(engine) is type(form) for engine in engines):
                return form
    others = (*bystanders(case.graph, engines), *(e for e in engines[1:] if e.capabilities.trains))
    if not others:
        raise lacking or ModelError("no other engine is installed to hold the reference engine against")
    return others[0]


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
