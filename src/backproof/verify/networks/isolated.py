"""Each node alone, with the reference's inputs and the reference's gradient of its output: its own errors alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from backproof.engines import Engine, reference_engine
from backproof.engines.custom import KERNELS
from backproof.errors import UserError
from backproof.graph import Array, Loss, Node
from backproof.verify.core.case import Results
from backproof.verify.core.finding import Finding
from backproof.verify.core.gradient_check import TOLERANCE
from backproof.verify.core.location import OUTPUT, Location
from backproof.verify.core.rounding import perturbed, with_rounded_loss, with_rounded_norms
from backproof.verify.core.tolerances import EPSILON, relative, tolerance
from backproof.verify.networks.case import NetworkCase
from backproof.verify.networks.cumulative import Truth
from backproof.verify.networks.dispute import Dispute, Voice, bystanders, computes_as_numpy, same_code, settle
from backproof.verify.networks.node_gradients import check_node_gradient
from backproof.verify.networks.one_node import OneNode
from backproof.verify.networks.report import Picture, panels

LOOPS = 3e6
"""Multiply-adds, forward, that the reference engine's plain loops settle disputes on, in all: about ten seconds."""

COORDINATES = 3
"""Elements of each tensor that finite differences look at, after whole directions."""

DRAWS = 2
"""How often a node is run with perturbed inputs, to see how well it is conditioned."""


class ReferenceWrongError(Exception):
    """A dispute in which the reference is wrong, and who else is: what was compared with it says nothing."""

    def __init__(self, dispute: Dispute, wrong: Sequence[Engine]) -> None:
        super().__init__(str(dispute))
        self.wrong = wrong


@dataclass
class Isolated:
    """The nodes of a case, one at a time.

    Attributes:
        disputes: filled by `check`: every array on which engines part.
    """

    case: NetworkCase
    truth: Truth
    engines: Sequence[Engine]
    disputes: list[Dispute] = field(default_factory=list)
    _loops: float = LOOPS

    def check(self, nodes: Sequence[Node], replay: str, say: Callable[[str], None]) -> Iterator[Finding]:
        """All findings, node after node. `say` is called with how far it got. Raises `ReferenceWrongError`."""
        for place, node in enumerate(nodes):
            if place % 50 == 0:
                say(f"node by node: {place} of {len(nodes)} done")
            again = f"{replay} --node {node.name}" if replay else ""
            if not all(np.isfinite(self._value(name)).all() for name in node.inputs):
                for engine in self.engines:
                    comparison = self.case.comparison(node.name, "isolated", engine, self.truth.reference)
                    yield comparison.skipped(OUTPUT, "what it gets is not finite")
                continue
            yield from self.check_node(node, again)

    def check_node(self, node: Node, replay: str) -> list[Finding]:
        """Every engine's findings on one node."""
        alone, reference = self._alone(node), self.truth.reference
        right = alone.run(reference, "float64", self.case.mode)
        findings: list[Finding] = []
        answers: list[tuple[Engine, Results]] = []
        for engine in self.engines:
            if not engine.capabilities.trains and isinstance(node.op, Loss):
                continue
            comparison = self.case.comparison(node.name, "isolated", engine, reference, replay)
            if self._computes_alike(engine, node):
                findings += self._by_numbers(engine, node, replay)
                continue
            try:
                answers.append((engine, alone.run(engine, self.case.dtype_of(engine), self.case.mode)))
            except Exception as error:  # an engine that is being written may fail in any way
                findings.append(comparison.failed(error, OUTPUT))
        allowed = self._allowed(alone, right, answers)
        for engine, found in answers:
            comparison = self.case.comparison(node.name, "isolated", engine, reference, replay)
            findings += (
                comparison.scaled(location, found.get(location), expected, allowed[location])
                for location, expected in right.items()
                if engine.capabilities.trains or location == OUTPUT
            )
        for location in dict.fromkeys(f.location for f in findings if f.verdict == "differs"):
            if location in right:
                self._settle(alone, location, right, answers, allowed[location])
        return findings

    def _allowed(
        self, alone: OneNode, right: Results, answers: Sequence[tuple[Engine, Results]]
    ) -> dict[Location, float]:
        """What rounding explains; how the node is conditioned is looked at only where an engine is beyond it."""
        least = tolerance(self.case.dtype, self.case.longest_sums[alone.node.name])
        conditions: dict[Location, float] | None = None
        allowed = dict.fromkeys(right, least)
        for location, expected in right.items():
            if not all(
                relative(found.get(location), expected) <= least
                for engine, found in answers
                if engine.capabilities.trains or location == OUTPUT
            ):
                conditions = conditions or self._conditions(alone)
                allowed[location] *= conditions[location]
        return allowed

    def _settle(
        self,
        alone: OneNode,
        location: Location,
        right: Results,
        answers: Sequence[tuple[Engine, Results]],
        allowed: float,
    ) -> None:
        """Lay all engines side by side on one array. Raises `ReferenceWrongError`."""
        reference, node = self.truth.reference, alone.node
        voices = [Voice(reference, right[location])]
        voices += (
            Voice(engine, found.get(location))
            for engine, found in answers
            if engine.capabilities.trains or location == OUTPUT
        )
        more = self._more(alone, location, [voice.engine for voice in voices])
        by_numbers = None
        if location.direction == "backward" and location.kind != "gradient of output":
            by_numbers = partial(self._derivative, alone, location)
        dispute, wrong = settle(node.name, location, voices, allowed, more, by_numbers)
        self.disputes.append(dispute)
        if any(engine is reference for engine in wrong):
            raise ReferenceWrongError(dispute, wrong)

    def _derivative(
        self, alone: OneNode, location: Location, engine: Engine, direction: Array
    ) -> tuple[float, float] | None:
        try:
            return alone.slope_along(engine, self.case.mode, location, direction)
        except Exception:  # an engine that is being written may fail in any way; it has been reported
            return None

    def _more(self, alone: OneNode, location: Location, present: Sequence[Engine]) -> Iterator[Voice]:
        """The other form of the reference engine, and then other installed engines, as they are asked for."""
        node, work = alone.node, self.case.work_of(alone.node)
        forms = [reference_engine(vectorised=True)]
        if self._loops >= work:
            forms.append(reference_engine())
        for form in forms:
            if any(type(form) is type(engine) or same_code(form, engine, type(node.op)) for engine in present):
                continue
            self._loops -= work if form.capabilities.speed == "loops" else 0
            yield Voice(form, alone.run(form, "float64", self.case.mode).get(location))
        for engine in bystanders(alone.graph, present):
            try:
                yield Voice(engine, alone.run(engine, self.case.dtype_of(engine), self.case.mode).get(location))
            except UserError:
                continue

    def _computes_alike(self, engine: Engine, node: Node) -> bool:
        """Whether engine and reference compute the node by one kernel of a user: neither confirms the other."""
        users = type(node.op) in KERNELS["numpy"] and type(node.op) not in reference_engine().operations
        return users and all(computes_as_numpy(e) for e in (engine, self.truth.reference))

    def _by_numbers(self, engine: Engine, node: Node, replay: str) -> Iterator[Finding]:
        """Gradients against finite differences, where no other code computes the node; its output defines it."""
        comparison = self.case.comparison(node.name, "isolated", engine, self.truth.reference, replay)
        yield comparison.skipped(OUTPUT, "the kernel alone defines it: nothing else computes it")
        comparison = replace(comparison.against("finite differences"), dtype="float64")
        case, values = self.case, {**self.case.inputs, **self.truth.seen.values}
        try:
            tensors = check_node_gradient(engine, case.graph, node, values, case.parameters, case.mode, COORDINATES)
        except Exception as error:  # a kernel that is being written may fail in any way
            yield comparison.failed(error)
            return
        for tensor in tensors:
            yield comparison.gradient(tensor, TOLERANCE)

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
            engine = with_rounded_norms(reference, self.case.dtype, rng)
            found = alone.run(engine, "float64", self.case.mode, parameters, inputs, graph)
            for location, expected in right.items():
                moved[location] = max(moved[location], relative(found[location], expected))
        return {location: distance / epsilon for location, distance in moved.items()}

    def picture(self, finding: Finding) -> Picture | None:
        """The array behind a finding, seen once more; None if there is nothing to draw."""
        engine = next(engine for engine in self.engines if engine.name == finding.engine)
        alone, location = self._alone(self.case.graph.node[finding.subject]), finding.location
        right = alone.run(self.truth.reference, "float64", self.case.mode).get(location)
        found = alone.run(engine, self.case.dtype_of(engine), self.case.mode).get(location)
        if right is None or found is None or found.shape != right.shape or not right.ndim:
            return None
        error = np.abs(found.astype(np.float64) - right)
        return Picture(finding, right.shape, panels(error, weight=location.kind == "gradient of parameter"))

    def _alone(self, node: Node) -> OneNode:
        return OneNode(
            node,
            [self.case.graph.shapes[name] for name in node.inputs],
            [self._value(name) for name in node.inputs],
            self.truth.seen.values[node.name],
            None if isinstance(node.op, Loss) else self.truth.seen.slopes.get(node.name, np.ones(())),
            self.case.parameters,
            self.case.dtype,
        )

    def _value(self, name: str) -> Array:
        """What a node takes: another one's output in the reference, or an input of the network."""
        return self.truth.seen.values[name] if name in self.truth.seen.values else self.case.inputs[name]
