"""Numerical anomalies of a training: NaN, infinity, denormals, dead ReLUs and lost gradients, and where they began.

`--anomaly-checks` of a run stops at the first number that is not finite. This looks at every value and
gradient of some steps, for more than that, and distinguishes the node that made a bad number from those that only
pass it on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from backproof.engines import DType, Engine, Mode
from backproof.engines.base import Direction
from backproof.graph import Array, Arrays, Graph, Node
from backproof.ops import ReLU
from backproof.optim import Optimizer
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.location import Location
from backproof.verify.networks.observation import Observation, Observatory

DENORMAL = 0.1
"""The share of a tensor that may be denormal: numbers so small that they have lost digits, and take far more time."""

DEAD = 0.9
"""The share of a ReLU's units that may be 0 on the whole batch."""

VANISHED = 1e-7
"""How small the gradient may be, root mean square, against that of the node where it is largest nearer to the loss."""

EXPLODED = 1e7
"""How large it may be against the smallest nearer to the loss."""


@dataclass(frozen=True)
class _Symptom:
    """What is looked for in which pass; `measure` gives a number that must not exceed `limit`."""

    what: str
    direction: Direction
    limit: float
    measure: Callable[[Array], float]


def _nans(array: Array) -> float:
    return float(np.isnan(array).sum())


def _infinities(array: Array) -> float:
    return float(np.isinf(array).sum())


def _denormal_share(array: Array) -> float:
    size = np.abs(array)
    return float(np.mean((size > 0) & (size < np.finfo(array.dtype).tiny)))


SYMPTOMS = tuple(
    _Symptom(what, direction, limit, measure)
    for direction in ("forward", "backward")
    for what, limit, measure in (
        ("NaN", 0.0, _nans),
        ("infinity", 0.0, _infinities),
        ("denormals", DENORMAL, _denormal_share),
    )
)


def check_anomalies(
    engine: Engine,
    graph: Graph,
    parameters: Arrays,
    batches: Iterable[Arrays],
    *,
    mode: Mode,
    dtype: DType = "float32",
    optimizer: Optimizer | None = None,
) -> CheckReport:
    """Look at a pass over each of `batches`, with a training step after each; without `optimizer`, at the first alone.

    A finding for each kind of trouble: where it began first, or its worst measure where there is none. The steps end
    with the first loss that is not finite.
    """
    start = perf_counter()
    dtype = engine.capabilities.nearest_dtype(dtype)
    observatory = Observatory(engine, graph, parameters, dtype)
    trainer = engine.compile(graph, parameters, dtype=dtype)
    comparison = FindingBuilder("", "", engine.name, dtype, "limits")
    found: dict[tuple[Direction, Location], Finding] = {}
    with np.errstate(all="ignore"):  # that is what is looked for
        for i, batch in enumerate(batches):
            step = replace(mode, step=mode.step + i)
            observatory.load(trainer.parameters())
            seen = observatory.observe(batch, step)
            for direction, finding in _findings(graph, seen, comparison, step.step):
                before = found.get((direction, finding.location))
                if before is None or (before.passed and (not finding.passed or finding.error > before.error)):
                    found[direction, finding.location] = finding
            if optimizer is None or not np.isfinite(seen.gradients.loss):
                break
            trainer.train_step(batch, optimizer, step)
    return CheckReport("anomalies", tuple(found.values()), {"anomalies": perf_counter() - start})


def _findings(
    graph: Graph, seen: Observation, comparison: FindingBuilder, step: int
) -> Iterator[tuple[Direction, Finding]]:
    """One finding for each symptom."""
    orders: dict[Direction, list[Node]] = {"forward": [*graph.nodes], "backward": [*reversed(graph.nodes)]}
    arrays: dict[Direction, Arrays] = {"forward": seen.values, "backward": seen.slopes}

    def verdict(
        what: str, direction: Direction, limit: float, measured: Mapping[str, float]
    ) -> tuple[Direction, Finding]:
        at_step = comparison.on(f"{direction}, step {step + 1}")
        return direction, _verdict(at_step, Location("anomaly", what), direction, limit, measured)

    for symptom in SYMPTOMS:
        found = arrays[symptom.direction]
        measured = {n.name: symptom.measure(found[n.name]) for n in orders[symptom.direction] if n.name in found}
        yield verdict(symptom.what, symptom.direction, symptom.limit, measured)
    relus = {
        node.name: float(np.mean(~np.any(_by_unit(seen.values[node.name]), axis=0)))
        for node in graph.nodes
        if isinstance(node.op, ReLU)
    }
    if relus:
        yield verdict("dead units", "forward", DEAD, relus)
    sizes = {
        node.name: float(np.sqrt(np.mean(np.square(seen.slopes[node.name], dtype=np.float64))))
        for node in orders["backward"]
        if node.name in seen.slopes
    }
    shrunk, grown = _against_the_way(sizes)
    yield verdict("vanishing gradient", "backward", 1 / VANISHED, shrunk)
    yield verdict("exploding gradient", "backward", EXPLODED, grown)


def _by_unit(values: Array) -> Array:
    """(samples and places, units)."""
    return np.moveaxis(values, 1, -1).reshape(-1, values.shape[1]) if values.ndim > 1 else values.reshape(-1, 1)


def _against_the_way(sizes: dict[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """How many times smaller, and larger, each gradient is than the largest and the smallest before it.

    Exactly 0 is what a node gets that the loss does not see: it says nothing.
    """
    largest, smallest = 0.0, np.inf
    shrunk, grown = {}, {}
    for name, size in sizes.items():
        if not 0 < size < np.inf:
            continue
        largest, smallest = max(largest, size), min(smallest, size)
        shrunk[name], grown[name] = largest / size, size / smallest
    return shrunk, grown


def _verdict(
    comparison: FindingBuilder, location: Location, direction: Direction, limit: float, measured: Mapping[str, float]
) -> Finding:
    """The first node, in the order of the pass, that is over the limit; the others got it from there."""
    over = [name for name, value in measured.items() if value > limit]
    name = over[0] if over else max(measured, key=lambda n: measured[n], default="network")
    others = len(over) - 1
    more = f"; {others} more node{'s' * (others != 1)} after it" if others else ""
    detail = f"it began in the {direction} pass at {name}{more}"
    return replace(comparison, subject=name).measured(location, measured.get(name, 0.0), limit, lambda: detail)
