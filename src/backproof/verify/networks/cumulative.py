"""Each engine runs the network by itself: every value and gradient, compared with the reference's."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from backproof.engines import DType, Engine
from backproof.engines.base import Direction
from backproof.errors import UserError
from backproof.graph import Array, Graph
from backproof.verify.core.case import Results, for_prediction, run_case
from backproof.verify.core.finding import Finding
from backproof.verify.core.location import LOSS, OUTPUT, Location
from backproof.verify.core.rounding import perturbed, rounding_noise, with_rounded_loss, with_rounded_norms
from backproof.verify.core.tolerances import EPSILON, relative, tolerance
from backproof.verify.networks.case import NetworkCase
from backproof.verify.networks.dispute import slope_along
from backproof.verify.networks.observation import Observation, Observatory, tapped
from backproof.verify.networks.report import DIRECTIONS, NETWORK, RoundingError

DRAWS = 2
"""How often the network is run with random rounding, to see what rounding explains."""

ROOM = 4
"""How much more than the largest of those draws may be attributed to rounding."""

Key = tuple[str, Location]
"""A tensor: its node (or input), and what it is."""


@dataclass(frozen=True)
class Truth:
    """What the reference computes in float64, and by how much rounding may move it, relative to its size."""

    reference: Engine
    seen: Observation
    tensors: Mapping[Key, Array]
    explained: Mapping[Key, float]


def find_truth(case: NetworkCase, reference: Engine) -> Truth:
    """Run the network in the reference, and then again with random rounding everywhere.

    Each value, weight and input is off by as much as rounding in the case's dtype may make it: what then comes out
    moves by as much as rounding explains, however badly the network is conditioned.
    """
    seen = Observatory(reference, case.graph, case.parameters, "float64").observe(case.inputs, case.mode)
    tensors = tensors_of(case.graph, seen)
    least = {key: tolerance(case.dtype, case.longest_sums.get(key[0], 1)) for key in tensors}
    explained = dict(least)
    terms = {node.name: case.longest_sums[node.name] for node in tapped(case.graph)}
    graph = with_rounded_loss(case.graph, case.dtype)

    def moves(draw: int) -> Iterator[tuple[Key, float]]:
        """How far each tensor moves. What one draw made is gone before the next: of a large network it is gigabytes."""
        rng = np.random.default_rng(draw)
        parameters = perturbed(case.parameters, case.dtype, rng)
        observatory = Observatory(with_rounded_norms(reference, case.dtype, rng), graph, parameters, "float64")
        noise = rounding_noise(seen.values, terms, case.dtype, rng)
        again = observatory.observe(perturbed(case.inputs, case.dtype, rng), case.mode, noise)
        for key, moved in tensors_of(case.graph, again).items():
            yield key, relative(moved, tensors[key])

    for draw in range(DRAWS):
        for key, distance in moves(draw):
            explained[key] = max(explained[key], least[key] + ROOM * distance)
    return Truth(reference, seen, tensors, explained)


def check_whole(case: NetworkCase, truth: Truth, engine: Engine) -> tuple[list[Finding], RoundingError | None]:
    """Tensor by tensor, and then the network as it is, without taps, with all that the engine does across nodes.

    Of an engine that cannot train only values are compared. The rounding error is that of the engine in float32; None
    if it fails.
    """
    dtype = case.dtype_of(engine)
    whole = case.comparison(NETWORK, "cumulative", engine, truth.reference)
    try:
        if not engine.capabilities.trains:
            return _values_alone(case, truth, engine)
        seen = Observatory(engine, case.graph, case.parameters, dtype).observe(case.inputs, case.mode)
        trainer = engine.compile(case.graph, case.parameters, dtype=dtype)
        as_it_is = replace(seen, gradients=trainer.gradients(case.inputs, case.mode))
    except Exception as error:  # an engine that is being written may fail in any way
        return [whole.failed(error)], None
    found = tensors_of(case.graph, seen)
    findings = list(_compare(case, truth, engine, found))
    findings += _as_it_runs(case, truth, engine, as_it_is)
    if dtype == "float64":
        try:
            with suppress(UserError):  # an engine of float64 alone, as the reference is, is measured in that
                seen = Observatory(engine, case.graph, case.parameters, "float32").observe(case.inputs, case.mode)
                found = tensors_of(case.graph, seen)
        except Exception as error:
            return [*findings, whole.failed(error, Location("everything", "in float32"))], None
    return findings, _rounding_error(truth, found)


def as_it_runs(case: NetworkCase, engine: Engine) -> Results:
    """What the engine makes of the network without taps: loss, gradients by full name, new state."""
    found = run_case(engine, case, case.dtype_of(engine))
    del found[OUTPUT]
    return found


def loss_along(case: NetworkCase, location: Location, engine: Engine, direction: Array) -> tuple[float, float] | None:
    """By numbers: how fast the engine's own loss moves along a direction of a parameter or an input."""
    parameters = {name: value.astype(np.float64) for name, value in case.parameters.items()}
    inputs = dict(case.inputs)
    group = parameters if location.kind == "gradient of parameter" else inputs
    start = group[location.name].astype(np.float64)
    predictor = engine.compile(case.graph, parameters, dtype=engine.capabilities.nearest_dtype("float64"))
    assert case.graph.loss is not None
    loss = case.graph.loss

    def loss_at(h: float) -> float:
        group[location.name] = np.asarray(start + h * direction)
        predictor.load(parameters)
        return float(predictor.forward(inputs, case.mode)[loss])

    here = loss_at(0.0)
    return slope_along(lambda h: loss_at(h) - here, float(np.max(np.abs(start))))


def _values_alone(case: NetworkCase, truth: Truth, engine: Engine) -> tuple[list[Finding], RoundingError]:
    """The output of each node of a predictor."""
    bare = for_prediction(case)
    wanted = [node.name for node in bare.graph.nodes]

    def values(dtype: DType) -> dict[Key, Array]:
        predictor = engine.compile(bare.graph, bare.parameters, dtype=dtype)
        return {(name, OUTPUT): y for name, y in predictor.forward(bare.inputs, bare.mode, wanted).items()}

    found = values(case.dtype_of(engine))
    truth = replace(truth, tensors={key: y for key, y in truth.tensors.items() if key[1] == OUTPUT and key in found})
    in_float32 = values(engine.capabilities.nearest_dtype("float32"))
    return list(_compare(case, truth, engine, found)), _rounding_error(truth, in_float32)


def _compare(case: NetworkCase, truth: Truth, engine: Engine, found: Mapping[Key, Array]) -> Iterator[Finding]:
    for key, expected in truth.tensors.items():
        comparison = case.comparison(key[0], "cumulative", engine, truth.reference)
        yield comparison.scaled(key[1], found.get(key), expected, truth.explained[key])


def _as_it_runs(case: NetworkCase, truth: Truth, engine: Engine, seen: Observation) -> Iterator[Finding]:
    """The loss, and the tensor that is worst in each pass. Values of nodes are not seen without taps."""
    assert case.graph.loss is not None
    comparison = case.comparison(NETWORK, "as it runs", engine, truth.reference)
    loss: Key = (case.graph.loss, OUTPUT)
    yield comparison.scaled(LOSS, np.array(seen.gradients.loss), truth.tensors[loss], truth.explained[loss])
    found = tensors_of(case.graph, seen)
    for direction in DIRECTIONS:
        keys = [k for k in truth.tensors if k[1].direction == direction and not k[1].kind.endswith("output")]
        if keys:
            errors = {key: relative(found.get(key), truth.tensors[key]) for key in keys}
            worst = max(keys, key=lambda key: _badness(errors[key], truth.explained[key]))
            node, location = worst
            location = replace(location, name=f"{node}.{location.name}".removesuffix("."))
            yield comparison.scaled(location, found.get(worst), truth.tensors[worst], truth.explained[worst])


def _badness(error: float, allowed: float) -> float:
    """In units of what is allowed; NaN is the worst of all."""
    return error / allowed if error == error else float("inf")


def _rounding_error(truth: Truth, found: Mapping[Key, Array]) -> RoundingError:
    def median(direction: Direction) -> float | None:
        errors = [relative(found.get(key), y) for key, y in truth.tensors.items() if key[1].direction == direction]
        return float(np.median(errors)) / EPSILON["float32"] if errors else None

    return RoundingError(median("forward") or 0.0, median("backward"))


def tensors_of(graph: Graph, seen: Observation) -> dict[Key, Array]:
    """All tensors of a pass by node, in the order of the network; the inputs' gradients before all."""
    found: dict[Key, Array] = {}
    for name, gradient in seen.gradients.inputs.items():
        found[name, Location("gradient of input")] = gradient
    for node in graph.nodes:
        if node.kind == "float":  # where a number is near to a bound, rounding decides which whole number follows
            found[node.name, OUTPUT] = seen.values[node.name]
        for local in node.parameters:
            if node.path(local) in seen.gradients.state:
                found[node.name, Location("state", local)] = seen.gradients.state[node.path(local)]
        if node.name in seen.slopes:
            found[node.name, Location("gradient of output")] = seen.slopes[node.name]
        for local in node.parameters:
            if node.path(local) in seen.gradients.parameters:
                gradient = seen.gradients.parameters[node.path(local)]
                found[node.name, Location("gradient of parameter", local)] = gradient
    return found
