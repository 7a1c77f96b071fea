"""Each engine runs the network by itself: what flows through it, held against what the judge sees."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from backproof.engines import Engine
from backproof.engines.base import Direction
from backproof.errors import UserError
from backproof.graph import Array, Graph
from backproof.verify.core.finding import Finding
from backproof.verify.core.rounding import nudged, rounding_noise, with_rounded_loss
from backproof.verify.core.tolerances import EPSILON, tolerance
from backproof.verify.networks.case import NetworkCase, relative
from backproof.verify.networks.observation import Observation, Observatory, tapped
from backproof.verify.networks.report import NETWORK, Distance

DRAWS = 2
"""How often the network is run with random rounding, to see what rounding explains."""

ROOM = 4
"""How much more than the largest of those draws may be laid to rounding."""

Key = tuple[str, str, Direction]
"""A tensor: its node (or input), what it is, and the pass that makes it."""


@dataclass(frozen=True)
class Truth:
    """What the judge sees in float64, and by how much rounding may move it, relative to its size."""

    judge: Engine
    seen: Observation
    tensors: Mapping[Key, Array]
    explained: Mapping[Key, float]


def find_truth(case: NetworkCase, judge: Engine) -> Truth:
    """Run the network in the judge, and then again with random rounding everywhere.

    Each value, weight and input is off by as much as rounding in the case's dtype may make it: what then comes out
    moves by as much as rounding explains, however badly the network is conditioned.
    """
    seen = Observatory(judge, case.graph, case.parameters, "float64").observe(case.inputs, case.mode)
    tensors = tensors_of(case.graph, seen)
    least = {key: tolerance(case.dtype, case.terms.get(key[0], 1)) for key in tensors}
    explained = dict(least)
    terms = {node.name: case.terms[node.name] for node in tapped(case.graph)}
    observatory = Observatory(judge, with_rounded_loss(case.graph, case.dtype), case.parameters, "float64")
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        observatory.load(nudged(case.parameters, case.dtype, rng))
        noise = rounding_noise(seen.values, terms, case.dtype, rng)
        again = observatory.observe(nudged(case.inputs, case.dtype, rng), case.mode, noise)
        for key, moved in tensors_of(case.graph, again).items():
            explained[key] = max(explained[key], least[key] + ROOM * relative(moved, tensors[key]))
    return Truth(judge, seen, tensors, explained)


def check_whole(case: NetworkCase, truth: Truth, engine: Engine) -> tuple[list[Finding], Distance | None]:
    """Tensor by tensor, and then the network as it is, without taps, with all that the engine does across nodes.

    The distance is that of the engine in float32; None if it fails.
    """
    dtype = case.dtype_of(engine)
    try:
        seen = Observatory(engine, case.graph, case.parameters, dtype).observe(case.inputs, case.mode)
        trainer = engine.compile(case.graph, case.parameters, dtype=dtype)
        as_it_is = replace(seen, gradients=trainer.gradients(case.inputs, case.mode))
    except Exception as error:  # an engine that is being written may fail in any way
        return [case.failed(NETWORK, "cumulative forward", "everything", engine, truth.judge, error)], None
    found = tensors_of(case.graph, seen)
    findings = [_finding(case, truth, engine, key, found) for key in truth.tensors]
    findings += _as_it_runs(case, truth, engine, as_it_is)
    if dtype == "float64":
        try:
            with suppress(UserError):  # an engine of float64 alone, as the reference is, is measured in that
                seen = Observatory(engine, case.graph, case.parameters, "float32").observe(case.inputs, case.mode)
                found = tensors_of(case.graph, seen)
        except Exception as error:
            what = "everything in float32"
            return [*findings, case.failed(NETWORK, "cumulative forward", what, engine, truth.judge, error)], None
    return findings, _distance(truth, found)


def _as_it_runs(case: NetworkCase, truth: Truth, engine: Engine, seen: Observation) -> list[Finding]:
    """The loss, and the tensor that is worst in each pass. Node by node nothing is told without taps."""
    assert case.graph.loss is not None
    loss: Key = (case.graph.loss, "output", "forward")
    found = tensors_of(case.graph, seen)
    told = [key for key in truth.tensors if key[1] not in ("output", "gradient of output")]
    findings = [_finding(case, truth, engine, loss, {loss: np.array(seen.gradients.loss)}, "loss")]
    for direction in ("forward", "backward"):
        keys = [key for key in told if key[2] == direction]
        if keys:
            errors = {key: relative(found.get(key), truth.tensors[key]) for key in keys}
            worst = max(keys, key=lambda key: _badness(errors[key], truth.explained[key]))
            findings.append(_finding(case, truth, engine, worst, found, f"{worst[1]} of {worst[0]}"))
    return findings


def _badness(error: float, allowed: float) -> float:
    """In units of what is allowed; NaN is the worst of all."""
    return error / allowed if error == error else float("inf")


def _finding(
    case: NetworkCase, truth: Truth, engine: Engine, key: Key, found: Mapping[Key, Array], as_it_runs: str = ""
) -> Finding:
    """`as_it_runs`: what is said of a tensor of the network without taps."""
    subject, what, direction = key
    return case.finding(
        found.get(key),
        truth.tensors[key],
        subject=NETWORK if as_it_runs else subject,
        case=f"as it runs, {direction}" if as_it_runs else f"cumulative {direction}",
        what=as_it_runs or what,
        engine=engine,
        judge=truth.judge,
        allowed=truth.explained[key],
    )


def _distance(truth: Truth, found: Mapping[Key, Array]) -> Distance:
    def median(direction: Direction) -> float:
        errors = [relative(found.get(key), value) for key, value in truth.tensors.items() if key[2] == direction]
        return float(np.median(errors)) / EPSILON["float32"] if errors else 0.0

    return Distance(median("forward"), median("backward"))


def tensors_of(graph: Graph, seen: Observation) -> dict[Key, Array]:
    """All tensors of a pass by node, in the order of the network; the inputs' gradients before all."""
    found: dict[Key, Array] = {}
    for name, gradient in seen.gradients.inputs.items():
        found[name, "gradient of input", "backward"] = gradient
    for node in graph.nodes:
        found[node.name, "output", "forward"] = seen.values[node.name]
        for local in node.parameters:
            if node.path(local) in seen.gradients.state:
                found[node.name, f"state {local}", "forward"] = seen.gradients.state[node.path(local)]
        if node.name in seen.slopes:
            found[node.name, "gradient of output", "backward"] = seen.slopes[node.name]
        for local in node.parameters:
            if node.path(local) in seen.gradients.parameters:
                found[node.name, f"gradient of {local}", "backward"] = seen.gradients.parameters[node.path(local)]
    return found
