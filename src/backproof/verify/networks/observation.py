"""Everything that flows through a network, forward and backward, seen through an engine's public interface alone.

Behind every node stands a tap, y' = y + t, with an input t that is 0. The gradient of t is then that of the node's
output, all its takers summed, in canonical layout and in every engine: an engine has to offer nothing for it. A tap
that is not 0 is noise put on a value.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from backproof.engines import DType, Engine, Gradients, Mode
from backproof.engines.inputs import batch_size
from backproof.errors import UserError
from backproof.graph import Arrays, Graph, Input, Node
from backproof.graph.graph import make_node
from backproof.ops import Add


@dataclass(frozen=True)
class Observation:
    """One pass over one batch. Every array is canonical.

    Attributes:
        values: the output of every node, by its name.
        slopes: the gradient of the loss with respect to that output; the loss itself has none.
        gradients: what the engine's `gradients` gave: loss, prediction, gradients of parameters and inputs, new state.
    """

    values: Arrays
    slopes: Arrays
    gradients: Gradients


class Observatory:
    """A network with taps, compiled by an engine and ready to be looked at."""

    def __init__(self, engine: Engine, graph: Graph, parameters: Arrays, dtype: DType) -> None:
        if graph.loss is None:
            raise UserError("a network is checked with its loss; give it one with graph.with_loss(...)")
        self._graph = graph
        self._trainer = engine.compile(with_taps(graph), parameters, dtype=dtype)
        self._dtype: DType = dtype

    def load(self, parameters: Arrays) -> None:
        """Set all parameters."""
        self._trainer.load(parameters)

    def observe(self, inputs: Arrays, mode: Mode, noise: Arrays | None = None) -> Observation:
        """Forward and backward. `noise`, by node, is added to what the takers of its output get."""
        n = batch_size(self._graph, inputs)
        taps = {
            tap_of(node.name): np.zeros(node.shape.bind(n), self._dtype) if noise is None else noise[node.name]
            for node in tapped(self._graph)
        }
        names = [node.name for node in self._graph.nodes]
        values = self._trainer.forward({**inputs, **taps}, mode, names)
        found = self._trainer.gradients({**inputs, **taps}, mode)
        own = {i.name for i in self._graph.inputs}
        return Observation(
            values={name: values[name] for name in names},
            slopes={
                node.name: found.inputs.get(tap_of(node.name), np.zeros_like(values[node.name]))
                for node in tapped(self._graph)
            },
            gradients=replace(found, inputs={name: g for name, g in found.inputs.items() if name in own}),
        )


def with_taps(graph: Graph, only: Collection[str] | None = None) -> Graph:
    """The same network, under the same names, with a tap behind every node that is `tapped`, or behind `only` these."""
    inputs, nodes = list(graph.inputs), list[Node]()
    behind: dict[str, str] = {}
    with_tap = {node.name for node in tapped(graph) if only is None or node.name in only}
    for node in graph.nodes:
        nodes.append(replace(node, inputs=tuple(behind.get(name, name) for name in node.inputs)))
        if node.name in with_tap:
            tap = Input(tap_of(node.name), node.shape)
            behind[node.name] = f"{node.name} behind its tap"
            inputs.append(tap)
            nodes.append(make_node(behind[node.name], Add(), {node.name: node.shape, tap.name: tap.shape}))
    return replace(graph, inputs=tuple(inputs), nodes=tuple(nodes))


def tapped(graph: Graph) -> list[Node]:
    """The nodes that have a tap: all but losses, which are scalars, and those that hold no floats."""
    return [n for n in graph.nodes if n.kind == "float" and (n.shape or n.name not in graph.loss_nodes)]


def tap_of(name: str) -> str:
    """The name of the tap behind a node."""
    return f"{name} tap"
