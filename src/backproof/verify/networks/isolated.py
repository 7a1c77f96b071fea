"""Each node alone, with the judge's inputs and the judge's gradient of its output: what is wrong is its own doing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backproof.engines import Engine, get_engine, reference_engine
from backproof.graph import Array, Loss, Node, Shape
from backproof.verify.core.finding import Finding
from backproof.verify.core.rounding import nudged, with_rounded_loss
from backproof.verify.core.tolerances import EPSILON, tolerance
from backproof.verify.networks.case import NetworkCase, relative
from backproof.verify.networks.cumulative import Truth
from backproof.verify.networks.one_node import OneNode
from backproof.verify.networks.report import Picture, panels

LOOPS = 1e6
"""Multiply-adds, forward, that the reference engine's plain loops settle doubts on: about ten seconds."""

DRAWS = 2
"""How often a node is run with nudged inputs, to see how well it is conditioned."""


@dataclass(frozen=True)
class Isolated:
    """The nodes of a case, one at a time."""

    case: NetworkCase
    truth: Truth
    engines: Sequence[Engine]

    def check(self, nodes: Sequence[Node], replay: str, tell: Callable[[str], None]) -> Iterator[Finding]:
        """All findings, node after node. `tell` hears how far it got."""
        loops = LOOPS
        for place, node in enumerate(nodes):
            if place % 50 == 0:
                tell(f"node by node: {place} of {len(nodes)} done")
            again = f"{replay} --node {node.name}" if replay else ""
            if not all(np.isfinite(self._value(name)).all() for name in node.inputs):
                yield from self._left_out(node)
                continue
            found = self.check_node(node, self.truth.judge, again)
            if not self._settled(found):  # the judge may be the one who is wrong: plain loops decide
                loops -= self.case.work(node)
                if loops >= 0:
                    found = self.check_node(node, reference_engine(), again)
            yield from found

    def _settled(self, found: Sequence[Finding]) -> bool:
        """Nobody differs; or the judge is beyond doubt, since an engine of another make agrees with it."""
        judge = self.truth.judge
        wrong = {f.engine for f in found if not f.passed}
        others = {engine.name for engine in self.engines if not isinstance(engine, type(judge))}
        return not wrong or judge.capabilities.speed == "loops" or bool(others - wrong - {judge.name})

    def check_node(self, node: Node, judge: Engine, replay: str) -> list[Finding]:
        """Every engine's findings on one node."""
        alone = self._alone(node)
        right = alone.run(judge, "float64", self.case.mode)
        conditions: dict[str, float] | None = None
        findings: list[Finding] = []
        for engine in self.engines:
            try:
                found = alone.run(engine, self.case.dtype_of(engine), self.case.mode)
            except Exception as error:  # an engine that is being written may fail in any way
                failed = self.case.failed(node.name, "isolated forward", "output", engine, judge, error)
                findings.append(replace(failed, replay=replay))
                continue
            for what, expected in right.items():
                allowed = tolerance(self.case.dtype, self.case.terms[node.name])
                if not relative(found.get(what), expected) <= allowed:
                    conditions = conditions or self._conditions(alone)
                    allowed *= conditions[what]
                finding = self.case.finding(
                    found.get(what),
                    expected,
                    subject=node.name,
                    case="isolated backward" if what.startswith("gradient") else "isolated forward",
                    what=what,
                    engine=engine,
                    judge=judge,
                    allowed=allowed,
                    replay=replay,
                )
                findings.append(finding)
        return findings

    def _conditions(self, alone: OneNode) -> dict[str, float]:
        """How much larger than its inputs' rounding errors a result's is, where that is more than 1.

        A sum that cancels, or numbers that are nearly equal and are divided by their spread, make it large. What the
        question itself does not fix, no answer can be blamed for.
        """
        epsilon, judge = EPSILON[self.case.dtype], self.truth.judge
        right = alone.run(judge, "float64", self.case.mode)
        graph = with_rounded_loss(alone.graph, self.case.dtype)
        moved = dict.fromkeys(right, epsilon)
        for draw in range(DRAWS):
            rng = np.random.default_rng(draw)
            parameters, inputs = (nudged(arrays, self.case.dtype, rng) for arrays in (alone.parameters, alone.inputs))
            found = alone.run(judge, "float64", self.case.mode, parameters, inputs, graph)
            for what, expected in right.items():
                moved[what] = max(moved[what], relative(found[what], expected))
        return {what: distance / epsilon for what, distance in moved.items()}

    def picture(self, finding: Finding) -> Picture | None:
        """The array behind a finding, seen once more; None if there is nothing to draw."""
        engine = next(engine for engine in self.engines if engine.name == finding.engine)
        judge = self.truth.judge if finding.judge == self.truth.judge.name else get_engine(finding.judge)
        alone = self._alone(self.case.graph.node[finding.subject])
        right = alone.run(judge, "float64", self.case.mode)[finding.what]
        found = alone.run(engine, self.case.dtype_of(engine), self.case.mode).get(finding.what)
        if found is None or found.shape != right.shape or not right.ndim:
            return None
        weight = finding.what.startswith("gradient of") and "input" not in finding.what
        return Picture(finding, right.shape, panels(np.abs(found.astype(np.float64) - right), weight=weight))

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
        """What a node takes: another one's output as the judge sees it, or an input of the network."""
        return self.truth.seen.values[name] if name in self.truth.seen.values else self.case.inputs[name]

    def _left_out(self, node: Node) -> list[Finding]:
        why = "what it gets is not finite"
        return [
            self.case.left_out(node.name, "isolated forward", "output", engine, self.truth.judge, why)
            for engine in self.engines
        ]
