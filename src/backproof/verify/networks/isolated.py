"""Each node alone, with the reference's inputs and the reference's gradient of its output: its own errors alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from backproof.engines import Engine, get_engine, reference_engine
from backproof.graph import Array, Loss, Node, Shape
from backproof.verify.core.finding import Finding
from backproof.verify.core.location import OUTPUT, Location
from backproof.verify.core.rounding import perturbed, with_rounded_loss
from backproof.verify.core.tolerances import EPSILON, relative, tolerance
from backproof.verify.networks.case import NetworkCase
from backproof.verify.networks.cumulative import Truth
from backproof.verify.networks.one_node import OneNode
from backproof.verify.networks.report import Picture, panels

LOOPS = 1e6
"""Multiply-adds, forward, that the reference engine's plain loops settle doubts on: about ten seconds."""

DRAWS = 2
"""How often a node is run with perturbed inputs, to see how well it is conditioned."""


@dataclass(frozen=True)
class Isolated:
    """The nodes of a case, one at a time."""

    case: NetworkCase
    truth: Truth
    engines: Sequence[Engine]

    def check(self, nodes: Sequence[Node], replay: str, say: Callable[[str], None]) -> Iterator[Finding]:
        """All findings, node after node. `say` is called with how far it got."""
        loops = LOOPS
        for place, node in enumerate(nodes):
            if place % 50 == 0:
                say(f"node by node: {place} of {len(nodes)} done")
            again = f"{replay} --node {node.name}" if replay else ""
            if not all(np.isfinite(self._value(name)).all() for name in node.inputs):
                for engine in self.engines:
                    comparison = self.case.comparison(node.name, "isolated", engine, self.truth.reference)
                    yield comparison.skipped(OUTPUT, "what it gets is not finite")
                continue
            found = self.check_node(node, self.truth.reference, again)
            if not self._settled(found):  # the reference itself may be wrong: plain loops decide
                loops -= self.case.work_of(node)
                if loops >= 0:
                    found = self.check_node(node, reference_engine(), again)
            yield from found

    def _settled(self, found: Sequence[Finding]) -> bool:
        """Nothing differs; or the reference is beyond doubt, since an engine of another make agrees with it."""
        reference = self.truth.reference
        wrong = {f.engine for f in found if not f.passed}
        others = {engine.name for engine in self.engines if not isinstance(engine, type(reference))}
        return not wrong or reference.capabilities.speed == "loops" or bool(others - wrong - {reference.name})

    def check_node(self, node: Node, reference: Engine, replay: str) -> list[Finding]:
        """Every engine's findings on one node."""
        alone = self._alone(node)
        right = alone.run(reference, "float64", self.case.mode)
        conditions: dict[Location, float] | None = None
        findings: list[Finding] = []
        for engine in self.engines:
            comparison = self.case.comparison(node.name, "isolated", engine, reference, replay)
            trains = engine.capabilities.trains
            if not trains and isinstance(node.op, Loss):
                continue
            try:
                found = alone.run(engine, self.case.dtype_of(engine), self.case.mode)
            except Exception as error:  # an engine that is being written may fail in any way
                findings.append(comparison.failed(error, OUTPUT))
                continue
            for location, expected in right.items():
                if not trains and location != OUTPUT:
                    continue
                allowed = tolerance(self.case.dtype, self.case.longest_sums[node.name])
                if not relative(found.get(location), expected) <= allowed:
                    conditions = conditions or self._conditions(alone)
                    allowed *= conditions[location]
                findings.append(comparison.scaled(location, found.get(location), expected, allowed))
        return findings

    def _conditions(self, alone: OneNode) -> dict[Location, float]:
        """How much larger than its inputs' rounding errors a result's is, where that is more than 1.

        A sum that cancels, or numbers that are nearly equal and are divided by their spread, make it large. What the
        inputs do not fix is no engine's error.
        """
        epsilon, reference = EPSILON[self.case.dtype], self.truth.reference
        right = alone.run(reference, "float64", self.case.mode)
        graph = with_rounded_loss(alone.graph, self.case.dtype)
        moved = dict.fromkeys(right, epsilon)
        for draw in range(DRAWS):
            rng = np.random.default_rng(draw)
            parameters, inputs = (perturbed(a, self.case.dtype, rng) for a in (alone.parameters, alone.inputs))
            found = alone.run(reference, "float64", self.case.mode, parameters, inputs, graph)
            for location, expected in right.items():
                moved[location] = max(moved[location], relative(found[location], expected))
        return {location: distance / epsilon for location, distance in moved.items()}

    def picture(self, finding: Finding) -> Picture | None:
        """The array behind a finding, seen once more; None if there is nothing to draw."""
        engine = next(engine for engine in self.engines if engine.name == finding.engine)
        known = self.truth.reference
        reference = known if finding.reference == known.name else get_engine(finding.reference)
        alone, location = self._alone(self.case.graph.node[finding.subject]), finding.location
        right = alone.run(reference, "float64", self.case.mode)[location]
        found = alone.run(engine, self.case.dtype_of(engine), self.case.mode).get(location)
        if found is None or found.shape != right.shape or not right.ndim:
            return None
        error = np.abs(found.astype(np.float64) - right)
        return Picture(finding, right.shape, panels(error, weight=location.kind == "gradient of parameter"))

    def _alone(self, node: Node) -> OneNode:
        return OneNode(
            node,
            # Scalars, such as losses that are summed, become batches of one number.
            [self.case.graph.shapes[name] or Shape("N") for name in node.inputs],
            [np.atleast_1d(self._value(name)) for name in node.inputs],
            np.atleast_1d(self.truth.seen.values[node.name]),
            None if isinstance(node.op, Loss) else np.atleast_1d(self.truth.seen.slopes.get(node.name, np.ones(1))),
            self.case.parameters,
            self.case.dtype,
        )

    def _value(self, name: str) -> Array:
        """What a node takes: another one's output in the reference, or an input of the network."""
        return self.truth.seen.values[name] if name in self.truth.seen.values else self.case.inputs[name]
