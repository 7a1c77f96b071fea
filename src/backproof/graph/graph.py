"""A network as immutable data: inputs, nodes in topological order, one output and at most one loss."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from backproof.errors import UserError, unknown
from backproof.graph.op import Kind, Loss, Op, ParameterSpec, op_from_attributes
from backproof.graph.shape import Shape


@dataclass(frozen=True)
class Input:
    """A value that comes from outside: `kind` is "float" or "int" (class labels)."""

    name: str
    shape: Shape
    kind: Kind = "float"


@dataclass(frozen=True)
class Node:
    """One operation at its place. Its name is also the name of its output.

    Parameters are known by the node's name and their own, joined by a dot: `layer1.0.conv1.weight`.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    shape: Shape
    parameters: Mapping[str, ParameterSpec]

    def path(self, parameter: str) -> str:
        """The full name of one of this node's parameters."""
        return f"{self.name}.{parameter}"


@dataclass(frozen=True)
class Graph:
    """A network. Make one with `Sequential` or `Builder`; engines interpret it.

    Attributes:
        inputs: values from outside; the first is the samples, a second one the targets of the loss.
        nodes: in an order in which every node comes after its inputs.
        output: name of the node whose value is the prediction.
        loss: name of the node whose value is the scalar to minimise, or None.
    """

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    output: str
    loss: str | None = None

    @cached_property
    def node(self) -> dict[str, Node]:
        """The nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """The shape of every value, inputs included, by name."""
        return {i.name: i.shape for i in self.inputs} | {n.name: n.shape for n in self.nodes}

    @cached_property
    def parameters(self) -> dict[str, ParameterSpec]:
        """Every parameter by its full name, in the order of the nodes."""
        return {node.path(name): spec for node in self.nodes for name, spec in node.parameters.items()}

    @property
    def parameter_count(self) -> int:
        """Number of trainable scalars."""
        return sum(Shape(*spec.shape).size for spec in self.parameters.values() if spec.trainable)

    def leading_to(self, name: str) -> set[str]:
        """Names of the nodes that the value of node `name` depends on, itself included."""
        found = {name}
        for node in reversed(self.nodes):
            if node.name in found:
                found.update(node.inputs)
        return found & self.node.keys()

    def require_node(self, name: str) -> Node:
        """The node called `name`. Raises `UserError` with the nearest names."""
        if name not in self.node:
            raise unknown("layer", name, self.node)
        return self.node[name]

    def with_loss(self, op: Loss, target: str = "y", name: str = "loss") -> "Graph":
        """The same network followed by a loss, which takes the prediction and a new input `target`.

        Where the loss weighs samples, it takes a further new input, "weight", (N,).
        """
        if self.loss is not None:
            raise UserError(f"the network already has the loss '{self.loss}'; with_loss is for one without")
        prediction = self.shapes[self.output]
        added = [Input(target, *op.target(prediction))]
        added += [Input("weight", Shape(prediction[0]))] if op.weighs_samples else []
        node = make_node(name, op, {self.output: prediction} | {i.name: i.shape for i in added})
        return Graph((*self.inputs, *added), (*self.nodes, node), self.output, name)

    def to_json(self) -> str:
        """The network as JSON: what it is, without weights."""
        content = {
            "inputs": [{"name": i.name, "shape": list(i.shape), "kind": i.kind} for i in self.inputs],
            "nodes": [
                {
                    "name": n.name,
                    "op": type(n.op).__name__,
                    "attributes": n.op.attributes(),
                    "inputs": list(n.inputs),
                }
                for n in self.nodes
            ],
            "output": self.output,
            "loss": self.loss,
        }
        return json.dumps(content, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Graph":
        """The network that `to_json` wrote. Shapes are worked out anew, so a bad edit is found."""
        content: dict[str, Any] = json.loads(text)
        inputs = tuple(Input(i["name"], Shape(*i["shape"]), i["kind"]) for i in content["inputs"])
        shapes = {i.name: i.shape for i in inputs}
        nodes = []
        for entry in content["nodes"]:
            op = op_from_attributes(entry["op"], entry["attributes"])
            missing = [name for name in entry["inputs"] if name not in shapes]
            if missing:
                raise UserError(f"node '{entry['name']}' takes '{missing[0]}', which no earlier node makes")
            node = make_node(entry["name"], op, {name: shapes[name] for name in entry["inputs"]}, entry["inputs"])
            shapes[node.name] = node.shape
            nodes.append(node)
        return cls(inputs, tuple(nodes), content["output"], content["loss"])

    @cached_property
    def hash(self) -> str:
        """16 hexadecimal digits that stay the same as long as the network does."""
        return sha256(json.dumps(json.loads(self.to_json()), sort_keys=True).encode()).hexdigest()[:16]

    def summary(self) -> str:
        """A table for people: layer, operation, output shape, parameters."""
        rows = [("layer", "operation", "output shape", "parameters")]
        rows += [(i.name, "input", str(i.shape), "") for i in self.inputs]
        for node in self.nodes:
            count = sum(Shape(*spec.shape).size for spec in node.parameters.values() if spec.trainable)
            rows.append((node.name, str(node.op), str(node.shape), f"{count:,}" if count else ""))
        rows.append(("total", "", "", f"{self.parameter_count:,}"))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}".rstrip() for a, b, c, d in rows
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def make_node(name: str, op: Op, shapes: Mapping[str, Shape], inputs: Iterable[str] | None = None) -> Node:
    """A node on inputs of the given shapes; `inputs` names them where one is taken twice.

    Raises `UserError`, naming the node and the shapes, when they do not fit the operation.
    """
    names = tuple(shapes if inputs is None else inputs)
    given = [shapes[n] for n in names]
    if op.arity >= 0 and len(given) != op.arity:
        raise UserError(f"node '{name}': {type(op).__name__} takes {op.arity} inputs, not {len(given)}")
    try:
        return Node(name, op, names, op.output_shape(*given), op.parameters(*given))
    except UserError as error:
        raise UserError(f"node '{name}' on {' and '.join(map(str, given))}: {error}") from error
