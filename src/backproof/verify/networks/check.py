"""A whole network in several engines, node by node: which node is the first at fault, and which only pass an error on.

Two ways to look. *Cumulative*: each engine runs the network by itself, and what flows through it is held against the
judge's, forward and backward; an error goes on to all that follow. *Isolated*: each node alone gets the judge's inputs
and the judge's gradient of its output; what is wrong now is wrong by the node's own doing.

The judge computes in float64: the reference engine, or the NumPy engine where plain loops would take too long. Where
an engine differs from the latter and nobody else confirms it, the node is judged anew by the former, if it is small.
"""

from collections.abc import Callable, Collection, Sequence
from time import perf_counter

import numpy as np

from backproof.engines import DType, Engine, Mode, get_engine, reference_engine
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Graph
from backproof.verify.core.finding import Finding
from backproof.verify.networks.case import NetworkCase
from backproof.verify.networks.cumulative import check_whole, find_truth
from backproof.verify.networks.isolated import Isolated
from backproof.verify.networks.report import Distance, ModelReport

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
    judge: Engine | None = None,
    nodes: Collection[str] = (),
    title: str = "network",
    replay: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> ModelReport:
    """Hold `engines` against a judge in float64, on one batch.

    Args:
        graph: with its loss.
        parameters, inputs: canonical; rounded to float32 first, so that all compute with the same numbers in any dtype.
        engines: who is judged.
        dtype: float64 finds the smallest faults. How near the engines are to the truth is measured in float32 anyway.
        mode: training takes batch statistics and dropout.
        judge: the one who knows; by default the reference engine, or the NumPy engine where that takes too long.
        nodes: look at these nodes alone in isolation; at all of them if empty.
        replay: a command line that does the same again; a node's finding adds `--node NAME`.
        tell: told what is going on, now and then.

    Raises `UserError` for a network without a loss, for what does not fit it, and where the judge lacks an operation.
    """
    if graph.loss is None:
        raise UserError("a network is checked with its loss; give it one with graph.with_loss(...)")
    if not engines:
        raise UserError("a check needs one engine or more")
    for name in nodes:
        graph.require_node(name)
    case = NetworkCase(graph, _rounded(parameters), _rounded(inputs), mode, dtype)
    with np.errstate(all="ignore"):  # what is not finite is found by comparison, and named
        return _check(case, judge or default_judge(case), engines, nodes, title, replay, tell)


def _check(
    case: NetworkCase,
    judge: Engine,
    engines: Sequence[Engine],
    nodes: Collection[str],
    title: str,
    replay: str,
    tell: Callable[[str], None],
) -> ModelReport:
    start = perf_counter()
    tell(f"{judge.name} in float64: the network, and what rounding explains")
    truth = find_truth(case, judge)
    seconds = {f"judge {judge.name}": perf_counter() - start}
    cumulative: list[Finding] = []
    distances: dict[str, Distance] = {}
    for engine in engines:
        start = perf_counter()
        tell(f"{engine.name}: the whole network")
        found, distance = check_whole(case, truth, engine)
        cumulative += found
        if distance is not None:
            distances[engine.name] = distance
        seconds[f"{engine.name} on the whole network"] = perf_counter() - start
    start = perf_counter()
    alone = Isolated(case, truth, engines)
    chosen = [node for node in case.graph.nodes if not nodes or node.name in nodes]
    isolated = list(alone.check(chosen, replay, tell))
    pictures = [alone.picture(finding) for finding in worth_a_picture(isolated)]
    seconds["node by node"] = perf_counter() - start
    return ModelReport(
        title=title,
        findings=(*isolated, *cumulative),
        seconds=seconds,
        graph=case.graph,
        dtype=case.dtype,
        judged_by=f"{judge.name} in float64",
        distances=distances,
        pictures=tuple(picture for picture in pictures if picture is not None),
    )


def default_judge(case: NetworkCase) -> Engine:
    """The reference engine, or the NumPy engine where it has no kernel or its plain loops would take too long."""
    reference = reference_engine()
    able = all(type(node.op) in reference.operations for node in case.graph.nodes)
    return reference if able and sum(map(case.work, case.graph.nodes)) <= LOOPS else get_engine("numpy")


def worth_a_picture(isolated: Sequence[Finding]) -> list[Finding]:
    """The faults in the order of the computation, then those that come nearest to one; each tensor once."""
    compared = [f for f in isolated if f.verdict in ("agrees", "differs")]
    faults = [f for f in compared if not f.passed]
    forward = [f for f in faults if f.case.endswith("forward")]
    backward = [f for f in faults if f.case.endswith("backward")]
    others = sorted((f for f in compared if f.passed), key=lambda f: -f.badness)
    first: dict[tuple[str, str], Finding] = {}
    place = {f.subject: i for i, f in enumerate(compared)}
    for finding in (*forward, *sorted(backward, key=lambda f: -place[f.subject]), *others):
        first.setdefault((finding.subject, finding.what), finding)
    return list(first.values())[:PICTURES]


def _rounded(arrays: Arrays) -> dict[str, Array]:
    return {name: a.astype(np.float32) if a.dtype.kind == "f" else a for name, a in arrays.items()}
