"""A network as immutable data: inputs, nodes in topological order, its outputs and at most one loss."""

import fnmatch
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from hashlib import sha256
from typing import Any

from backproof.errors import ModelError, UserError, unknown
from backproof.graph.op import OPERATIONS, Kind, Loss, Op, ParameterSpec, UnknownOp, op_from_attributes
from backproof.graph.shape import Shape
from backproof.registry import is_built_in


@dataclass(frozen=True)
class Input:
    """A value that comes from outside: `kind` is "float", "int" (such as class labels) or "bool"."""

    name: str
    shape: Shape
    kind: Kind = "float"


@dataclass(frozen=True)
class Node:
    """One operation at its place. Its name is also the name of its output.

    Parameters are known by the node's name and their own, joined by a dot: `layer1.0.conv1.weight`; or by the full
    names that `names` gives them, as those of an imported file.

    Attributes:
        kind: what the output holds.
        names: full names of parameters by their own; of those that it lacks the name is made as above.
        frozen: parameters, by their own names, that are not trained though the operation would.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    shape: Shape
    parameters: Mapping[str, ParameterSpec]
    kind: Kind = "float"
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    frozen: frozenset[str] = frozenset()

    def path(self, parameter: str) -> str:
        """The full name of one of this node's parameters."""
        return self.names.get(parameter) or f"{self.name}.{parameter}"

    @property
    def statistics(self) -> tuple[str, ...]:
        """The parameters, by their own names, that training moves though no optimizer does, such as running means."""
        if self.op.arity == 0:  # a constant
            return ()
        return tuple(n for n, spec in self.parameters.items() if not spec.trainable and n not in self.frozen)


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

    def __post_init__(self) -> None:
        paths = Counter(node.path(name) for node in self.nodes for name in node.parameters)
        twice = [path for path, count in paths.items() if count > 1]
        if twice:
            raise ModelError(f"two parameters are called '{twice[0]}'; names of parameters must differ")

    @cached_property
    def node(self) -> dict[str, Node]:
        """The nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """The shape of every value, inputs included, by name."""
        return {i.name: i.shape for i in self.inputs} | {n.name: n.shape for n in self.nodes}

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """What every value holds, inputs included, by name."""
        return {i.name: i.kind for i in self.inputs} | {n.name: n.kind for n in self.nodes}

    @cached_property
    def parameters(self) -> dict[str, ParameterSpec]:
        """Every parameter by its full name, in the order of the nodes."""
        return {node.path(name): spec for node in self.nodes for name, spec in node.parameters.items()}

    @cached_property
    def statistics(self) -> frozenset[str]:
        """Full names of the parameters that training moves though no optimizer does: no constants, no frozen ones."""
        return frozenset(node.path(name) for node in self.nodes for name in node.statistics)

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

    @cached_property
    def reached(self) -> frozenset[str]:
        """Names of the values that the loss sends a gradient back to: floats alone, and through floats alone."""
        found = {self.loss} if self.loss is not None else set()
        for node in reversed(self.nodes):
            if node.name in found:
                found.update(name for name in node.inputs if self.kinds[name] == "float")
        return frozenset(found)

    def frozen_by(self, patterns: Sequence[str]) -> "Graph":
        """The same network, in which parameters whose full names match a pattern, such as `layer1.*`, are not trained.

        Running statistics stay what they are: they move in training, as PyTorch's buffers do. Raises `UserError` for
        a pattern that matches no trainable parameter.
        """
        trainable = [name for name, spec in self.parameters.items() if spec.trainable]
        for pattern in patterns:
            if not fnmatch.filter(trainable, pattern):
                such_as = ", ".join(get_close_matches(pattern, trainable, n=3, cutoff=0) or ["none"])
                raise ModelError(f"no trainable parameter is called '{pattern}'; there are such as {such_as}")
        nodes = []
        for node in self.nodes:
            new = {
                name: replace(spec, trainable=False)
                for name, spec in node.parameters.items()
                if spec.trainable and any(fnmatch.fnmatchcase(node.path(name), pattern) for pattern in patterns)
            }
            frozen = node.frozen | new.keys()
            nodes.append(replace(node, parameters={**node.parameters, **new}, frozen=frozen) if new else node)
        return replace(self, nodes=tuple(nodes))

    def with_ops(self, ops: Mapping[str, Op]) -> "Graph":
        """The same network with other operations at the nodes named; shapes and parameters are worked out anew.

        Raises `UserError` where what follows does not fit them.
        """
        shapes, kinds = {i.name: i.shape for i in self.inputs}, {i.name: i.kind for i in self.inputs}
        nodes = []
        for node in self.nodes:
            taken = {name: shapes[name] for name in node.inputs}
            op = ops.get(node.name, node.op)
            nodes.append(
                new := make_node(node.name, op, taken, node.inputs, kinds=kinds, names=node.names, frozen=node.frozen)
            )
            shapes[node.name], kinds[node.name] = new.shape, new.kind
        return replace(self, nodes=tuple(nodes))

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
        each times its own of `weights`, the main output's first; 1 if None. Where nodes are called so already, the
        new names get an underscore behind.
        """
        while target in self.shapes:
            target += "_"
        while any(value == name or value.startswith(f"{name}.") for value in self.shapes):
            name += "_"
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
            kinds = {output: self.kinds[output]} | {i.name: i.kind for i in added}
            nodes.append(make_node(of_output, op, shapes, kinds=kinds))
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
                    **({"names": dict(n.names)} if n.names else {}),
                    **({"frozen": sorted(n.frozen)} if n.frozen else {}),
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
        kinds = {i.name: i.kind for i in inputs}
        nodes = []
        for entry in content["nodes"]:
            missing = [name for name in entry["inputs"] if name not in shapes]
            if missing:
                raise ModelError(f"node '{entry['name']}' takes '{missing[0]}', which no earlier node makes")
            if entry["op"] not in OPERATIONS and "shape" in entry:
                node = _unknown(entry, loss=entry["name"] == content["loss"])
            else:
                op = op_from_attributes(entry["op"], entry["attributes"])
                given = {name: shapes[name] for name in entry["inputs"]}
                node = make_node(
                    entry["name"],
                    op,
                    given,
                    entry["inputs"],
                    kinds=kinds,
                    names=entry.get("names"),
                    frozen=entry.get("frozen", ()),
                )
            shapes[node.name], kinds[node.name] = node.shape, node.kind
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
    names, frozen = entry.get("names", {}), frozenset(entry.get("frozen", ()))
    shape = Shape(*entry["shape"])
    return Node(entry["name"], op, tuple(entry["inputs"]), shape, parameters, names=names, frozen=frozen)


def make_node(
    name: str,
    op: Op,
    shapes: Mapping[str, Shape],
    inputs: Iterable[str] | None = None,
    *,
    kinds: Mapping[str, Kind] | None = None,
    names: Mapping[str, str] | None = None,
    frozen: Iterable[str] = (),
) -> Node:
    """A node on inputs of the given shapes; `inputs` names them where one is taken twice.

    `kinds` says what they hold, if not floats. `names` and `frozen`: see `Node`. Raises `UserError`, naming the node,
    the shapes and the kinds, when they do not fit the operation.
    """
    takes = tuple(shapes if inputs is None else inputs)
    given = [shapes[n] for n in takes]
    held: list[Kind] = [(kinds or {}).get(n, "float") for n in takes]
    if op.arity >= 0 and len(given) != op.arity:
        raise ModelError(f"node '{name}': {type(op).__name__} takes {op.arity} inputs, not {len(given)}")
    try:
        shape, kind = op.output_shape(*given), op.kind_of(*held)
        parameters = op.parameters(*given)
        for local in {**(names or {}), **dict.fromkeys(frozen)}:
            if local not in parameters:
                raise unknown(f"parameter of {type(op).__name__}", local, parameters, ModelError)
        parameters |= {local: replace(parameters[local], trainable=False) for local in frozen}
        return Node(name, op, takes, shape, parameters, kind, dict(names or {}), frozenset(frozen))
    except UserError as error:
        place = f"node '{name}' on {' and '.join(map(str, given))}" if given else f"node '{name}'"
        raise ModelError(f"{place}: {error}") from error
