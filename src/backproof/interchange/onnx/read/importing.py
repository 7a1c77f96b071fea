"""The walk over the nodes of a file, and what comes of it: a network, or all the reasons why not."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backproof.errors import ModelError, UserError
from backproof.graph import Array, Graph, Input, Shape
from backproof.interchange.network import Network
from backproof.interchange.onnx.read import operators  # noqa: F401  # the operators' functions enter themselves
from backproof.interchange.onnx.read.assembly import NUMBER, Assembly
from backproof.interchange.onnx.read.call import OPERATORS, Call, attributes_of, schema
from backproof.interchange.onnx.read.fold import SIZES, Folding
from backproof.interchange.onnx.read.load import STANDARD
from backproof.interchange.onnx.read.tensor import array_of
from backproof.interchange.onnx.read.values import Edge, Given, Known, Weight

REASON = 400
"""Letters of a reason: a hostile node can have attributes of a million numbers."""

CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")


@dataclass(frozen=True)
class Problem:
    """Why a node cannot be imported; `needs` is the value that would have to be known, where it is that."""

    node: str
    op_type: str
    reason: str
    needs: str = ""


class CannotImportError(ModelError):
    """A file with nodes that cannot be imported, all of which the sentence names."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.problems = problems
        by_reason: dict[tuple[str, str], list[str]] = {}
        for problem in problems:
            by_reason.setdefault((problem.op_type, problem.reason), []).append(f"'{problem.node}'")
        reasons = [f"{', '.join(nodes)} ({op_type}): {reason}" for (op_type, reason), nodes in by_reason.items()]
        super().__init__(f"'{source}' cannot be imported: {'; '.join(reasons)}")


@dataclass(frozen=True)
class Source:
    """A checked model, and where it comes from.

    Attributes:
        model: ONNX's `ModelProto`.
        name: what sentences call it.
        folder: where its external data may lie; None: nowhere.
    """

    model: Any
    name: str
    folder: Path | None = None

    @property
    def version(self) -> int:
        """The opset of ONNX's own operators."""
        return next(int(opset.version) for opset in self.model.opset_import if opset.domain in STANDARD)

    @property
    def inputs(self) -> list[Any]:
        """The values from outside: inputs without an initializer."""
        brought = {tensor.name for tensor in self.model.graph.initializer}
        return [value for value in self.model.graph.input if value.name not in brought]

    def arrays(self, taken: Collection[str] = ()) -> dict[str, Array]:
        """The initializers by name: those that are `taken`, by default by nodes and outputs."""
        graph = self.model.graph
        taken = taken or {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
        return {
            tensor.name: array_of(tensor, self.folder, f"the initializer '{tensor.name}' of '{self.name}'")
            for tensor in graph.initializer
            if tensor.name in taken
        }


@dataclass(frozen=True)
class Translation:
    """A file whose nodes are translated: the network's nodes and weights, and what the file's outputs are."""

    source: Source
    net: Assembly
    outputs: Mapping[str, Given]

    def network(self) -> Network:
        """As a network. Raises `ModelError` where an output is an input as it came, or stands twice."""
        outputs: list[str] = []
        for name, value in self.outputs.items():
            edge = self.edge(name, value)
            if edge.name not in self.net.nodes:
                raise ModelError(f"'{self.source.name}' has the output '{name}', which is an input as it came")
            if edge.name in outputs:
                raise ModelError(f"'{self.source.name}' has the output '{name}' twice")
            outputs.append(edge.name)
        graph = Graph(self.net.inputs, tuple(self.net.nodes.values()), outputs[0], auxiliary=tuple(outputs[1:]))
        return Network(graph, self.net.parameters, metadata_of(self.source.model))

    def edge(self, name: str, value: Given) -> Edge:
        """An output of the file as a value of the network."""
        if isinstance(value, Edge):
            return value
        return self.net.parameter(value, name) if isinstance(value, Weight) else self.net.constant(value, name)


def translate(
    source: Source, inputs: list[Input], arrays: Mapping[str, Array], known: Mapping[str, Array] | None = None
) -> Translation:
    """The nodes of a file on inputs of these shapes. `known`: inputs of the file that are given, as constants.

    Raises `CannotImportError` with all nodes that cannot be, or another `ModelError` where it is not one node's fault.
    """
    graph = source.model.graph
    version = source.version
    needed = _needed(graph)
    net = Assembly(inputs, arrays, _shared(graph))
    values: dict[str, Given | None] = {i.name: Edge(i.name, i.shape, i.kind) for i in inputs}
    values |= {name: _value(array, name) for name, array in arrays.items()}
    values |= {name: _given(array) for name, array in (known or {}).items()}
    later = {name for node in graph.node for name in node.output if name}
    folding = Folding()
    problems: list[Problem] = []
    names = node_names(graph)
    for place, node in enumerate(graph.node):
        if place not in needed:
            continue
        name = names[place]
        try:
            _require_inputs(node, values, later)
            call_inputs = [values[n] if n else None for n in node.input]
            if any(n and values[n] is None for n in node.input):  # it hangs on a node that was refused already
                results: list[Given | None] = [None] * len(node.output)
                _require_operator(node, version)
            else:
                results = _translate(node, name, version, call_inputs, net, folding)
        except UserError as error:
            problems.append(Problem(name, node.op_type, _reason(error, name), getattr(error, "value", "")))
            results = [None] * len(node.output)
        values |= {output: result for output, result in zip(node.output, results, strict=False) if output}
    if problems:
        raise CannotImportError(source.name, problems)
    outputs = {}
    for value in graph.output:
        found = values.get(value.name)
        if found is None:
            raise ModelError(f"'{source.name}' has the output '{value.name}', which no node makes")
        outputs[value.name] = found
    return Translation(source, net, outputs)


def _needed(graph: Any) -> set[int]:
    """The places of the nodes that an output depends on."""
    wanted = {value.name for value in graph.output}
    found = set()
    for place in range(len(graph.node) - 1, -1, -1):
        node = graph.node[place]
        if wanted.intersection(node.output):
            found.add(place)
            wanted.update(node.input)
    return found


def _shared(graph: Any) -> list[str]:
    """The values that several nodes take; those that only give them another name are not counted."""
    taken = Counter(name for node in graph.node if node.op_type != "Identity" for name in node.input)
    return [name for name, count in taken.items() if count > 1]


def node_names(graph: Any) -> list[str]:
    """A name for each node: its own if it has one that no other has, else that of its first output."""
    own: dict[str, int] = {}
    for node in graph.node:
        own[node.name] = own.get(node.name, 0) + 1
    names = []
    for node in graph.node:
        output = next((name for name in node.output if name), node.op_type)
        fallback = f"{node.op_type}_{output}" if NUMBER.fullmatch(output) else output
        names.append(node.name if node.name and own[node.name] == 1 else fallback)
    return names


def _value(array: Array, name: str) -> Given:
    """An initializer: a weight, but for whole numbers, single ones, and what is not finite, such as masks."""
    if array.dtype.kind != "f" or array.ndim == 0 or not array.size or not np.all(np.isfinite(array)):
        return Known.of(array)
    return Weight(array, name)


def _given(array: Array) -> Given:
    return Weight(array) if array.dtype.kind == "f" else Known.of(array)


def _require_inputs(node: Any, values: Mapping[str, Given | None], later: Collection[str]) -> None:
    for name in node.input:
        if name and name not in values:
            place = (
                "a later node makes: the nodes go in a circle, or are out of order" if name in later else "nobody makes"
            )
            raise ModelError(f"it takes '{name}', which {place}")


def _require_operator(node: Any, version: int) -> None:
    if node.op_type in OPERATORS or node.op_type in SIZES:
        return
    if node.op_type in CONTROL_FLOW:
        raise ModelError("networks whose nodes depend on values are not imported")
    schema(node.op_type, version)
    raise ModelError("backproof has no such operation")


def _translate(
    node: Any, name: str, version: int, inputs: list[Given | None], net: Assembly, folding: Folding
) -> list[Given | None]:
    """What a node's outputs are: computed here if all inputs are known, else by what its operator becomes."""
    _require_operator(node, version)
    declared = schema(node.op_type, version)
    given = len(inputs)
    while inputs and inputs[-1] is None:
        inputs = inputs[:-1]
    if not declared.min_input <= len(inputs) or given > declared.max_input:
        raise ModelError(
            f"it has {given} inputs, and {node.op_type} takes {declared.min_input} to {declared.max_input}"
        )
    known = [x for x in inputs if x is None or isinstance(x, Known)]
    if node.op_type in SIZES and inputs and len(known) == len(inputs):
        folded = _folded(node, version, known, folding)
        if node.op_type not in OPERATORS or all(r.at[0].shape == r.at[1].shape for r in folded):
            return [*folded]
    if node.op_type not in OPERATORS:
        raise ModelError("backproof has it for values that are known before the network runs, not for others")
    try:
        result = OPERATORS[node.op_type](Call(node, name, version, inputs, net))
    except (IndexError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"its attributes or inputs do not fit: {error}") from error
    results: list[Given | None] = [result] if isinstance(result, Given) else list(result)
    for place, output in enumerate(node.output):
        if output and (place >= len(results) or results[place] is None):
            raise ModelError(f"its output {place}, '{output}', is not computed by backproof")
    return results


def _folded(node: Any, version: int, inputs: list[Known | None], folding: Folding) -> list[Known]:
    attributes = attributes_of(node, version)
    first = folding.compute(node, version, [None if x is None else x.at[0] for x in inputs], attributes.get)
    if all(x is None or x.at[0] is x.at[1] for x in inputs):
        return [Known.of(_plain(array)) for array in first]
    second = folding.compute(node, version, [None if x is None else x.at[1] for x in inputs], attributes.get)
    return [Known((_plain(a), _plain(b))) for a, b in zip(first, second, strict=True)]


def _plain(array: Array) -> Array:
    """Numbers that NumPy has: of the small floats float32."""
    if array.dtype.kind in "OSUc":
        raise ModelError("it makes no numbers")
    return array if array.dtype.kind in "iub" or array.dtype in (np.float32, np.float64) else array.astype(np.float32)


def _reason(error: UserError, name: str) -> str:
    """The sentence without the place, which the list names already."""
    text = str(error)
    text = text.partition(": ")[2] or text if text.startswith(f"node '{name}") else text
    return text if len(text) <= REASON else f"{text[:REASON]} ..."


def metadata_of(model: Any) -> dict[str, str]:
    """What the file says of itself."""
    said = {name: getattr(model, name) for name in ("producer_name", "producer_version", "domain", "doc_string")}
    said |= {"graph": model.graph.name} | {entry.key: entry.value for entry in model.metadata_props}
    return {key: value for key, value in said.items() if value}


def shape_of(dims: list[int | str], place: str) -> Shape:
    """A declared shape. Raises `ModelError`, naming `place`, for a dimension below 1."""
    try:
        return Shape(*dims)
    except ModelError as error:
        raise ModelError(f"{place} has the shape ({', '.join(map(str, dims))}): {error}") from error
