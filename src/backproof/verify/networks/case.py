"""A network with weights and a batch, put to several engines: what they share, and how their answers are compared."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from backproof.engines import DType, Engine, Mode
from backproof.graph import Array, Arrays, Graph, Loss, Node
from backproof.verify.core.comparison import parting
from backproof.verify.core.finding import Finding
from backproof.verify.core.tolerances import difference


@dataclass(frozen=True)
class NetworkCase:
    """The question that all engines get.

    Attributes:
        graph: the network with its loss.
        parameters, inputs: canonical, in float32, so that all compute with the same numbers.
        mode: how the pass is taken.
        dtype: what the engines compute in; the reference engine computes in float64 all the same.
    """

    graph: Graph
    parameters: Arrays
    inputs: Arrays
    mode: Mode
    dtype: DType

    @property
    def samples(self) -> int:
        """The size of the batch."""
        return len(self.inputs[self.graph.inputs[0].name])

    def dtype_of(self, engine: Engine) -> DType:
        """What an engine computes in."""
        return engine.capabilities.nearest_dtype(self.dtype)

    @cached_property
    def terms(self) -> dict[str, int]:
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

    def work(self, node: Node) -> float:
        """Multiply-adds of one forward pass, about: those of the node's weights at each place of its output."""
        shapes = self._shapes(node)
        weights = sum(prod(spec.shape) for spec in node.parameters.values())
        places = prod(shapes[-1]) // shapes[-1][1] if len(shapes[-1]) > 1 else 1
        return float(max(weights * places, *map(prod, shapes)))

    def _shapes(self, node: Node) -> list[tuple[int, ...]]:
        """The shapes of its inputs, and of its output."""
        return [self.graph.shapes[name].bind(self.samples) for name in (*node.inputs, node.name)]

    def finding(
        self,
        found: Array | None,
        expected: Array,
        *,
        subject: str,
        case: str,
        what: str,
        engine: Engine,
        judge: Engine,
        allowed: float,
        replay: str = "",
    ) -> Finding:
        """What is to be said of `found`, None if the engine gives none; the error is `relative`."""
        known = (subject, case, what, engine.name, judge.name, self.dtype_of(engine))
        if found is not None and not np.isfinite(expected).all() and not np.isfinite(found).all():
            return Finding(*known, 0.0, allowed, "left out", "neither is finite")
        error = relative(found, expected)
        if error <= allowed:
            return Finding(*known, error, allowed, "agrees")
        detail = f"{engine.name} gives none" if found is None else parting(found, expected, engine.name, "the judge")
        return Finding(*known, error, allowed, "differs", detail, replay)

    def failed(self, subject: str, case: str, what: str, engine: Engine, judge: Engine, error: Exception) -> Finding:
        """The engine raised `error`."""
        known = (subject, case, what, engine.name, judge.name, self.dtype_of(engine))
        return Finding(*known, float("inf"), 0.0, "failed", f"{type(error).__name__}: {error}")

    def left_out(self, subject: str, case: str, what: str, engine: Engine, judge: Engine, why: str) -> Finding:
        """Nothing can be said."""
        known = (subject, case, what, engine.name, judge.name, self.dtype_of(engine))
        return Finding(*known, 0.0, 0.0, "left out", why)


def relative(found: Array | None, expected: Array) -> float:
    """`difference`, once both are measured in units of the largest |expected|: gradients may be small all over.

    Not so a scalar, which is a loss: the cross-entropy of samples that the network is sure of is -log of nearly 1, near
    0 and off by a rounding of 1.
    """
    if found is None:
        return float("inf")
    size = float(np.max(np.abs(expected), initial=0.0))
    if not size or not expected.ndim:
        return difference(found, expected)
    return difference(found.astype(np.float64) / size, expected.astype(np.float64) / size)
