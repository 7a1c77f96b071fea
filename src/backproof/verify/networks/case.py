"""A network with weights and a batch, put to several engines: what they share, and how their answers are compared."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from backproof.engines import DType, Engine
from backproof.graph import Loss, Node
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import Case
from backproof.verify.networks.report import Way


@dataclass(frozen=True)
class NetworkCase(Case):
    """A network with its loss and a batch, canonical, in float32, so that all engines compute with the same numbers.

    Attributes:
        dtype: what the engines compute in, if they can.
    """

    dtype: DType

    def dtype_of(self, engine: Engine) -> DType:
        """What an engine computes in."""
        return engine.capabilities.nearest_dtype(self.dtype)

    @cached_property
    def longest_sums(self) -> dict[str, int]:
        """Terms of the longest sum that each node takes."""
        return {node.name: self._longest_sum(node) for node in self.graph.nodes}

    def _longest_sum(self, node: Node) -> int:
        """A unit's inputs or outputs; or, for statistics and pooling, one channel or one sample of its input."""
        shapes = self._shapes(node)
        if isinstance(node.op, Loss):
            return prod(shapes[0])
        fans = [fan for spec in node.parameters.values() for fan in (spec.fan_in, spec.fan_out)]
        sums = [prod(shape) // shape[axis] for shape in shapes for axis in range(min(len(shape), 2))]
        return max([1, *fans, *sums])

    @cached_property
    def work(self) -> float:
        """Multiply-adds of one forward pass, about."""
        return sum(map(self.work_of, self.graph.nodes))

    def work_of(self, node: Node) -> float:
        """Those of the node's weights at each place of its output."""
        shapes = self._shapes(node)
        weights = sum(prod(spec.shape) for spec in node.parameters.values())
        places = prod(shapes[-1]) // shapes[-1][1] if len(shapes[-1]) > 1 else 1
        return float(max(weights * places, *map(prod, shapes)))

    def _shapes(self, node: Node) -> list[tuple[int, ...]]:
        """The shapes of its inputs, and of its output."""
        return [self.graph.shapes[name].bind(self.samples) for name in (*node.inputs, node.name)]

    def comparison(self, subject: str, way: Way, engine: Engine, reference: Engine, replay: str = "") -> FindingBuilder:
        """Of an engine with the reference on one node, or on the network."""
        return FindingBuilder(subject, way, engine.name, self.dtype_of(engine), reference.name, replay)
