"""Chains that are computed as one node: BatchNorm, perhaps Add, ReLU; and Linear, ReLU.

Element by element nothing changes, not even a bit; but what one operation writes, the next reads while it is in the
cache, and two arrays fewer are kept. A node that is asked for by name needs the network as it was written.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar

from backproof.graph import Graph, Node, Op, Shape
from backproof.ops import Add, BatchNorm, Linear, ReLU


@dataclass(frozen=True)
class BatchNormReLU(Op):
    """y = max(BatchNorm(x) [+ r], 0).   Inputs: x, and r where the chain holds an Add.

    Known to this engine alone: it is made by `fuse`, and never declared.
    """

    arity: ClassVar[int] = -1

    norm: BatchNorm

    def output_shape(self, *inputs: Shape) -> Shape:
        """As the input."""
        return inputs[0]


@dataclass(frozen=True)
class LinearReLU(Op):
    """y = max(x W + b, 0).   Known to this engine alone, as `BatchNormReLU`."""

    linear: Linear

    def output_shape(self, *inputs: Shape) -> Shape:
        """As the linear layer's."""
        return self.linear.output_shape(*inputs)


@dataclass(frozen=True)
class FusedNode(Node):
    """A chain under the name of its last node, with the parameters of its first, `owner`."""

    owner: str = ""

    def path(self, parameter: str) -> str:
        """The parameters keep the names they have in the network as it was written."""
        return self.names.get(parameter) or f"{self.owner}.{parameter}"


def fuse(graph: Graph, apart: Collection[type[Op]] = ()) -> Graph:
    """The same network with every such chain as one node, but for chains with an operation `apart`."""
    takers: dict[str, list[str]] = {name: [] for name in graph.shapes}
    for node in graph.nodes:
        for name in node.inputs:
            takers[name].append(node.name)

    def only_taker(name: str) -> Node | None:
        """The node that takes a value which nobody else does."""
        return graph.node[takers[name][0]] if len(takers[name]) == 1 and name not in graph.outputs else None

    chains: dict[str, FusedNode] = {}
    inside: set[str] = set()
    for first in graph.nodes:
        if not isinstance(first.op, BatchNorm | Linear):
            continue
        links = [first.name]
        residual: tuple[str, ...] = ()
        following = only_taker(first.name)
        if following is not None and isinstance(following.op, Add) and isinstance(first.op, BatchNorm):
            residual = tuple(name for name in following.inputs if name != first.name)
            if any(graph.shapes[name] != first.shape for name in residual):
                continue  # broadcast
            links.append(following.name)
            following = only_taker(following.name)
        if following is None or not isinstance(following.op, ReLU) or inside & {*links, following.name}:
            continue
        if any(type(graph.node[name].op) in apart for name in (*links, following.name)):
            continue
        inside |= {*links, following.name}
        chains[following.name] = FusedNode(
            name=following.name,
            op=BatchNormReLU(first.op) if isinstance(first.op, BatchNorm) else LinearReLU(first.op),
            inputs=(*first.inputs, *residual),
            shape=following.shape,
            parameters=first.parameters,
            names=first.names,
            frozen=first.frozen,
            owner=first.name,
        )
    nodes = [chains.get(node.name, node) for node in graph.nodes if node.name in chains or node.name not in inside]
    return replace(graph, nodes=tuple(nodes))
