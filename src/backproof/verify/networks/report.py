"""What a check of a whole network found: error sources, nodes that only propagate an error, and which is the first."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from backproof.engines import DType, Engine
from backproof.engines.base import Direction
from backproof.graph import Graph
from backproof.verify.core.finding import CheckReport, Finding, worst_by
from backproof.verify.networks.dispute import Dispute

Way = Literal["isolated", "cumulative", "as it runs"]

Role = Literal["right", "error source", "propagates error"]
"""An error source is wrong although it got right inputs. What propagates an error is right, but its inputs were not."""

DIRECTIONS: tuple[Direction, Direction] = ("forward", "backward")

NETWORK = "the network as it runs"
"""The subject of what was computed on the network as it is, with all that an engine does across nodes."""


@dataclass(frozen=True)
class Panel:
    """An error seen from one side: `values` (rows, columns) are the largest absolute errors along the other axes."""

    title: str
    values: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Picture:
    """A tensor whose error is worth a look."""

    finding: Finding
    shape: tuple[int, ...]
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class RoundingError:
    """How far an engine in float32 is from the reference, in units of rounding: medians over the network's tensors.

    One ulp is float32's ε times the tensor's largest element.
    """

    values: float
    gradients: float | None  # None of an engine that cannot train


@dataclass(frozen=True, kw_only=True)
class ModelReport(CheckReport):
    """Findings on a network, by node; a finding's case is the `Way` in which the node was run.

    Attributes:
        graph: the network with its loss.
        dtype: of the check.
        reference: the engine that gave the expected values, in float64.
        rounding_errors: by engine.
        pictures: the worst tensors, those of error sources first.
        expected_from: that engine; there is none in a report that was read from a file.
        disputes: every array on which engines part, given the same inputs: all of them side by side.
    """

    graph: Graph
    dtype: DType
    reference: str
    rounding_errors: Mapping[str, RoundingError] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    expected_from: Engine | None = field(default=None, repr=False, compare=False)

    def of(self, engine: str, way: Way, direction: Direction) -> dict[str, Finding]:
        """The worst finding of each node, in the order of the network."""
        return self._ways.get((engine, way, direction), {})

    @cached_property
    def _ways(self) -> dict[tuple[str, str, Direction], dict[str, Finding]]:
        ways: dict[tuple[str, str, Direction], dict[str, Finding]] = {}
        worst = worst_by(self.findings, lambda f: (f.engine, f.case, f.location.direction, f.subject))
        for (engine, way, direction, subject), f in worst.items():
            ways.setdefault((engine, way, direction), {})[subject] = f
        return ways

    def error_sources(self, engine: str, direction: Direction) -> list[Finding]:
        """The nodes that are wrong themselves, in the order of the computation: backward begins at the loss."""
        found = [f for f in self.of(engine, "isolated", direction).values() if not f.passed]
        return found if direction == "forward" else found[::-1]

    def propagating(self, engine: str, direction: Direction) -> list[str]:
        """The nodes that are right, but propagate an error."""
        alone = self.of(engine, "isolated", direction)
        together = self.of(engine, "cumulative", direction)
        return [name for name, f in together.items() if not f.passed and (name not in alone or alone[name].passed)]

    def role(self, engine: str, node: str, direction: Direction) -> Role:
        """What part the node plays."""
        alone = self.of(engine, "isolated", direction).get(node)
        if alone is not None and not alone.passed:
            return "error source"
        together = self.of(engine, "cumulative", direction).get(node)
        return "right" if together is None or together.passed else "propagates error"

    def first_of(self, engine: str) -> Finding | None:
        """The first error source of an engine: in the forward pass, else in the backward pass.

        Where every node is right by itself, the first tensor that is off all the same; None if there is none.
        """
        for direction in DIRECTIONS:
            if found := self.error_sources(engine, direction):
                return found[0]
        for direction in DIRECTIONS:
            wrong = [f for f in self.of(engine, "cumulative", direction).values() if not f.passed]
            if wrong:
                return wrong[0 if direction == "forward" else -1]
        return next((f for f in self.failures if f.engine == engine), None)

    @property
    def first_failure(self) -> Finding | None:
        """The first error source, over all engines in their order."""
        return next((first for engine in self.engines if (first := self.first_of(engine)) is not None), None)

    @cached_property
    def verdict(self) -> str:
        """One sentence: the first error source, or that there is none."""
        first = self.first_failure
        if first is None and self.unchecked:
            left = self.unchecked[0]
            return f"{left.engine}: {left.what} of {left.subject} not checked; {left.detail}"
        if first is None:
            engines = " and ".join(
                [", ".join(self.engines[:-1]), self.engines[-1]] if self.engines[1:] else self.engines
            )
            nodes = len(self.graph.nodes)
            agree = "agree" if self.engines[1:] else "agrees"
            return f"{engines} {agree} with {self.reference} in float64 at each of {nodes} nodes, {self._passes}"
        return self.sentence(first.engine)

    @property
    def _passes(self) -> str:
        """What was compared: of engines that cannot train, values alone."""
        alone = [engine for engine in self.engines if not self.of(engine, "cumulative", "backward")]
        if alone and len(alone) < len(self.engines):
            return f"forward and backward ({', '.join(alone)}: forward alone, up to the loss)"
        return "forward, up to the loss" if alone else "forward and backward"

    def sentence(self, engine: str) -> str:
        """The verdict on one engine."""
        first = self.first_of(engine)
        if first is None:
            return f"{engine} is right at every node"
        node = self.graph.node.get(first.subject)
        if first.case != "isolated" or node is None:
            return (
                f"{engine}: every node is right by itself, but {first.what} of {first.subject} is off where the nodes "
                f"work together; look at what {engine} does across nodes"
            )
        what = "could not be computed" if first.verdict == "failed" else f"its {first.what} is wrong"
        pass_ = first.location.direction
        return f"{engine}: the first error source is {first.subject}, {node.op}, in the {pass_} pass: {what}"

    def counts(self, engine: str) -> str:
        """How many nodes play which part: "forward: 1 error source, 120 nodes propagate an error; ..."."""
        return "; ".join(
            f"{direction}: {_count(len(self.error_sources(engine, direction)), 'error source')}, "
            f"{_count(len(self.propagating(engine, direction)), 'node')} only propagating an error"
            for direction in DIRECTIONS
        )

    def nearest(self) -> str:
        """The engines, the nearest to the reference first, in units of rounding."""
        ranked = sorted(self.rounding_errors.items(), key=lambda item: item[1].values + (item[1].gradients or 0.0))
        return "; ".join(
            f"{name}: values {d.values:.1f} ulp"
            + (f", gradients {d.gradients:.1f} ulp" if d.gradients is not None else "")
            for name, d in ranked
        )

    def _content(self) -> dict[str, Any]:
        first = self.first_failure
        return super()._content() | {
            "verdict": self.verdict,
            "first_failure": None if first is None else asdict(first),
            "reference": self.reference,
            "disputes": [asdict(dispute) for dispute in self.disputes],
            "float32_ulp": {name: asdict(distance) for name, distance in self.rounding_errors.items()},
        }

    def lines(self) -> Iterator[str]:
        """The report for a terminal."""
        yield self.verdict
        for engine in self.engines:
            if (first := self.first_of(engine)) is not None:
                if not self.verdict.startswith(f"{engine}:"):
                    yield self.sentence(engine)
                yield f"  {first}"
                yield from (
                    f"  {d}" for d in self.disputes if (d.subject, d.location) == (first.subject, first.location)
                )
                yield f"  {self.counts(engine)}"
        yield f"reference: {self.reference} in float64; distance in float32, median over tensors: {self.nearest()}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def panels(error: npt.NDArray[np.float64], *, weight: bool) -> tuple[Panel, ...]:
    """A tensor's absolute error as matrices for heat maps. `weight`: it is (out, in, ...) rather than (N, C, ...)."""
    outer = ("outputs", "inputs") if weight else ("samples", "channels")
    if error.ndim < 2:
        return (Panel("elements", _shrunk(error.reshape(1, -1))),)
    first = Panel(f"{outer[0]} by {outer[1]}", _shrunk(error.max(axis=tuple(range(2, error.ndim)))))
    if error.ndim == 2 or error[0, 0].size == 1:
        return (first,)
    inner = error.max(axis=(0, 1))
    place = "kernel positions" if weight else "pixels"
    return (first, Panel(place, _shrunk(inner if inner.ndim == 2 else inner.reshape(len(inner), -1))))


LARGEST = 128
"""Rows and columns of a heat map, at most; blocks of a larger one are shown by their largest element."""


def _shrunk(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    for axis in (0, 1):
        if matrix.shape[axis] > LARGEST:
            cuts = np.linspace(0, matrix.shape[axis], LARGEST, endpoint=False).astype(int)
            matrix = np.maximum.reduceat(matrix, cuts, axis)
    return matrix
