"""The network while it is put together: nodes, their weights, and names that differ."""

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import count

import numpy as np

from backproof.errors import ModelError
from backproof.graph import Array, Input, Node, Op, Shape
from backproof.graph.graph import make_node
from backproof.graph.op import Kind
from backproof.interchange.onnx.read import limits
from backproof.interchange.onnx.read.values import Edge, Known, Weight
from backproof.ops import Parameter

NUMBER = re.compile(r"(onnx::\w+_)?\d+")
"""Names that say nothing: bare numbers, and PyTorch's `onnx::Conv_193`."""


class Assembly:
    """Nodes in the order in which they were added, and the parameters by full name."""

    def __init__(self, inputs: Iterable[Input], weights: Iterable[str], shared: Collection[str] = ()) -> None:
        """`weights`: names of the file's weights, which no node's own parameters may take.

        `shared`: those that several nodes take.
        """
        self.inputs = tuple(inputs)
        self.nodes: dict[str, Node] = {}
        self.parameters: dict[str, Array] = {}
        self._shapes: dict[str, Shape] = {i.name: i.shape for i in self.inputs}
        self._kinds: dict[str, Kind] = {i.name: i.kind for i in self.inputs}
        self._reserved = set(weights)
        self.shared = frozenset(shared)
        self._shared: dict[str, Edge] = {}

    def add(self, name: str, op: Op, edges: Iterable[Edge], weights: Mapping[str, Weight] | None = None) -> Edge:
        """Add a node, with its weights by their own names; `name` is made to differ from those that are taken.

        Raises `ModelError` where shapes, kinds or weights do not fit the operation, or the output would be too large.
        """
        weights = weights or {}
        name = self._free(name)
        inputs = [edge.name for edge in edges]
        names = {}
        for local, weight in weights.items():
            if weight.name and not NUMBER.fullmatch(weight.name) and weight.name not in self.parameters:
                names[local] = weight.name
            elif f"{name}.{local}" in self._reserved:
                raise ModelError(f"two weights would be called '{name}.{local}'")
        names = {local: full for local, full in names.items() if full != f"{name}.{local}"}
        shapes = {n: self._shapes[n] for n in inputs}
        node = make_node(name, op, shapes, inputs, kinds=self._kinds, names=names)
        _require_size(node.shape)
        for local, spec in node.parameters.items():
            if local not in weights:
                raise ModelError(f"it has no {local}")
            if weights[local].array.shape != spec.shape:
                raise ModelError(f"its {local} has the shape {weights[local].array.shape}, where {spec.shape} fits")
            array = weights[local].array
            self.parameters[node.path(local)] = array if array.dtype.kind == "f" else array.astype(np.float64)
        self.nodes[name] = node
        self._shapes[name], self._kinds[name] = node.shape, node.kind
        return Edge(name, node.shape, node.kind)

    def parameter(self, weight: Weight, name: str) -> Edge:
        """The weight as a value of the network: the same one for all who take it."""
        if weight.name and weight.name in self._shared:
            return self._shared[weight.name]
        op = Parameter(weight.array.shape)
        edge = self.add(weight.name if not NUMBER.fullmatch(weight.name) else name, op, (), {"weight": weight})
        if weight.name:
            self._shared[weight.name] = edge
        return edge

    def constant(self, known: Known, name: str) -> Edge:
        """A known value as a value of the network, which training does not move."""
        array = known.array
        if not array.size:
            raise ModelError(f"an array of shape {array.shape} holds nothing, and no value of a network is empty")
        kind: Kind = "float" if array.dtype.kind == "f" else "bool" if array.dtype.kind == "b" else "int"
        op = Parameter(array.shape, trainable=False, kind=kind)
        return self.add(name, op, (), {"weight": Weight(array)})

    def _free(self, name: str) -> str:
        """The name, or with a number behind it."""
        if name not in self._shapes:
            return name
        return next(numbered for i in count(1) if (numbered := f"{name}_{i}") not in self._shapes)


def _require_size(shape: Shape) -> None:
    if len(shape) > limits.RANK:
        raise ModelError(f"its output {shape} has more than {limits.RANK} axes")
    if shape.size > limits.ELEMENTS:
        raise ModelError(f"its output {shape} has {shape.size:,} numbers a sample, and {limits.ELEMENTS:,} is the most")
