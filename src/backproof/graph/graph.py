"""A network as immutable data: inputs, nodes in topological order, its outputs and at most one loss."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from backproof.errors import ModelError, UserError, unknown
from backproof.graph.op import OPERATIONS, Kind, Loss, Op, ParameterSpec, UnknownOp, op_from_attributes
from backproof.graph.shape import Shape
from backproof.registry import is_built_in


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
        auxiliary: names of the nodes whose values are further predictions, on which a loss may be put too.
    """

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    output: str
    loss: str | None = None
    auxiliary: tuple[str, ...] = ()

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

    @cached_property
    def statistics(self) -> frozenset[str]:
        """Full names of the non-trainable parameters that training moves; constants are not among them."""
        nodes = [node for node in self.nodes if node.op.arity != 0]
        return frozenset(n.path(name) for n in nodes for name, spec in n.parameters.items() if not spec.trainable)

    @property
    def parameter_count(self) -> int:
        """Number of trainable scalars."""
        return sum(Shape(*spec.shape).size for spec in self.parameters.values() if spec.trainable)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all predictions, the main one first."""
        return self.output, *self.auxiliary

    @cached_property
    def loss_nodes(self) -> frozenset[str]:
        """Names of the nodes that depend on a target, an input that no prediction needs: the loss and its parts."""
        needed = self._ancestors(self.outputs)
        found = {i.name for i in self.inputs if i.name not in needed}
        for node in self.nodes:
            if found.intersection(node.inputs) or node.name == self.loss:
                found.add(node.name)
        return frozenset(found & self.node.keys())

    def leading_to(self, name: str) -> set[str]:
        """Names of the nodes that the value of node `name` depends on, itself included."""
        return self._ancestors([name]) & self.node.keys()

    def without_loss(self, *, auxiliary: bool = False) -> "Graph":
        """The nodes and inputs that the prediction depends on, and nothing else; or all predictions, if `auxiliary`."""
        further = self.auxiliary if auxiliary else ()
        needed = self._ancestors([self.output, *further])
        inputs = tuple(i for i in self.inputs if i.name in needed)
        nodes = tuple(node for node in self.nodes if node.name in needed)
        return Graph(inputs, nodes, self.output, auxiliary=further)

    def _ancestors(self, names: Iterable[str]) -> set[str]:
        """Names of the nodes and inputs that these nodes depend on, themselves included."""
        found = set(names)
        for node in reversed(self.nodes):
            if node.name in found:
                found.update(node.inputs)
        return found

    def require_node(self, name: str) -> Node:
        """The node called `name`. Raises `UserError` with the nearest names."""
        if name not in self.node:
            raise unknown("layer", name, self.node)
        return self.node[name]

    def with_loss(
        self, op: Loss, target: str = "y", name: str = "loss", *, weights: Sequence[float] | None = None
    ) -> "Graph":
        """The same network followed by a loss, which takes the prediction and a new input `target`.

        A loss that weighs samples takes a further new input, "weight", (N,). Where there are auxiliary outputs, each
        output gets the loss on the same target, and the sum of all is minimised (deep supervision, Lee et al. 2015),
        each times its own of `weights`, the main output's first; 1 if None.
        """
        if self.loss is not None:
            raise ModelError(f"the network already has the loss '{self.loss}'; with_loss is for one without")
        weights = [1.0] * len(self.outputs) if weights is None else weights
        if len(weights) != len(self.outputs):
            outputs = ", ".join(self.outputs)
            raise ModelError(f"the network has the outputs {outputs}; give one weight for each, not {len(weights)}")
        prediction = self.shapes[self.output]
        added = [Input(target, *op.target(prediction))]
        added += [Input("weight", Shape(prediction[0]))] if op.weighs_samples else []
        nodes = []
        for output in self.outputs:
            of_output = f"{name}.{output}" if self.auxiliary else name
            shapes = {output: self.shapes[output]} | {i.name: i.shape for i in added}
            nodes.append(make_node(of_output, op, shapes))
        if self.auxiliary:
            joined = op_from_attributes("WeightedSum", {"weights": list(map(float, weights))})
            nodes.append(make_node(name, joined, {node.name: node.shape for node in nodes}))
        return replace(self, inputs=(*self.inputs, *added), nodes=(*self.nodes, *nodes), loss=name)

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
                    **_shown(n),
                }
                for n in self.nodes
            ],
            "output": self.output,
            "loss": self.loss,
        } | ({"auxiliary": list(self.auxiliary)} if self.auxiliary else {})
        return json.dumps(content, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Graph":
        """The network that `to_json` wrote. Shapes are worked out anew, so a bad edit is found."""
        content: dict[str, Any] = json.loads(text)
        inputs = tuple(Input(i["name"], Shape(*i["shape"]), i["kind"]) for i in content["inputs"])
        shapes = {i.name: i.shape for i in inputs}
        nodes = []
        for entry in content["nodes"]:
            missing = [name for name in entry["inputs"] if name not in shapes]
            if missing:
                raise ModelError(f"node '{entry['name']}' takes '{missing[0]}', which no earlier node makes")
            if entry["op"] not in OPERATIONS and "shape" in entry:
                node = _unknown(entry, loss=entry["name"] == content["loss"])
            else:
                op = op_from_attributes(entry["op"], entry["attributes"])
                node = make_node(entry["name"], op, {name: shapes[name] for name in entry["inputs"]}, entry["inputs"])
            shapes[node.name] = node.shape
            nodes.append(node)
        outputs = content["output"], *content.get("auxiliary", ())
        missing = [name for name in (*outputs, content["loss"]) if name is not None and name not in shapes]
        if missing:
            raise ModelError(f"the network has no node '{missing[0]}', which is to be an output or the loss")
        return cls(inputs, tuple(nodes), outputs[0], content["loss"], outputs[1:])

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
        outputs = [f"outputs: {', '.join(self.outputs)}"] if self.auxiliary else []
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], *outputs])


def _shown(node: Node) -> dict[str, Any]:
    """What a reader without the code of a user's operation needs to show it."""
    if is_built_in(type(node.op).__module__) and not isinstance(node.op, UnknownOp):
        return {}
    parameters = {name: asdict(spec) for name, spec in node.parameters.items()}
    return {"shape": list(node.shape), "parameters": parameters}


def _unknown(entry: Mapping[str, Any], *, loss: bool) -> Node:
    """A node of a user's operation whose code is not at hand, as `to_json` described it."""
    parameters = {
        name: ParameterSpec(**{**spec, "shape": tuple(spec["shape"])}) for name, spec in entry["parameters"].items()
    }
    op = UnknownOp.called(entry["op"], entry["attributes"], loss=loss)
    return Node(entry["name"], op, tuple(entry["inputs"]), Shape(*entry["shape"]), parameters)


def make_node(name: str, op: Op, shapes: Mapping[str, Shape], inputs: Iterable[str] | None = None) -> Node:
    """A node on inputs of the given shapes; `inputs` names them where one is taken twice.

    Raises `UserError`, naming the node and the shapes, when they do not fit the operation.
    """
    names = tuple(shapes if inputs is None else inputs)
    given = [shapes[n] for n in names]
    if op.arity >= 0 and len(given) != op.arity:
        raise ModelError(f"node '{name}': {type(op).__name__} takes {op.arity} inputs, not {len(given)}")
    try:
        return Node(name, op, names, op.output_shape(*given), op.parameters(*given))
    except UserError as error:
        place = f"node '{name}' on {' and '.join(map(str, given))}" if given else f"node '{name}'"
        raise ModelError(f"{place}: {error}") from error
