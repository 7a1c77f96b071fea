"""One node of a file while it is translated: its attributes and inputs as the operators' functions ask for them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from backproof.errors import ModelError
from backproof.graph import Array, Op, Shape
from backproof.interchange.onnx.read.assembly import Assembly
from backproof.interchange.onnx.read.values import BATCHES, Edge, Given, Known, Weight
from backproof.registry import Registry

Result = Given | Sequence[Given | None]
Importer = Callable[["Call"], Result]

OPERATORS: Registry[Importer] = Registry("operator of ONNX")
"""What makes backproof nodes of a node, by the operator's name."""


def imports(*names: str) -> Callable[[Importer], Importer]:
    """Decorator: this function translates the operators of these names."""

    def register(function: Importer) -> Importer:
        for name in names:
            OPERATORS.add(name, function)
        return function

    return register


class NotKnownError(ModelError):
    """An input must be known when the network is built, and is not.

    Attributes:
        value: the name of the input in the file.
    """

    def __init__(self, sentence: str, value: str) -> None:
        super().__init__(sentence)
        self.value = value


class Call:
    """A node on its inputs.

    Attributes:
        node: as the file has it.
        name: of the node in the network.
        version: the opset of the file.
        net: the network so far, to which nodes are added.
    """

    def __init__(self, node: Any, name: str, version: int, inputs: Sequence[Given | None], net: Assembly) -> None:
        self.node, self.name, self.version, self.net = node, name, version, net
        self._inputs = list(inputs)
        self._attributes = attributes_of(node, version)

    # Attributes

    def __getitem__(self, attribute: str) -> Any:
        """The value of an attribute, or the default of this opset; None where it has none."""
        return self._attributes.get(attribute)

    # Inputs

    def has(self, place: int) -> bool:
        """Whether the input is given."""
        return place < len(self._inputs) and self._inputs[place] is not None

    @property
    def count(self) -> int:
        """Number of inputs, those that were left out at the end not counted."""
        return len(self._inputs)

    def given(self, place: int) -> Given:
        """The input, whatever it is."""
        value = self._inputs[place] if place < len(self._inputs) else None
        if value is None:
            raise ModelError(f"its input {place} is missing")
        return value

    def edge(self, place: int = 0) -> Edge:
        """The input as a value of the network."""
        given = self.given(place)
        if isinstance(given, Edge):
            return given
        name = f"{self.name}.{self._local(place)}"
        return self.net.parameter(given, name) if isinstance(given, Weight) else self.net.constant(given, name)

    @property
    def edges(self) -> list[Edge]:
        """All inputs as values of the network."""
        return [self.edge(place) for place in range(self.count)]

    def shape(self, place: int = 0) -> Shape:
        """The shape of an input."""
        given = self.given(place)
        if isinstance(given, Edge):
            return given.shape
        array = given.array
        return Shape(*array.shape)

    def rank(self, place: int = 0) -> int:
        """Number of axes of an input."""
        return len(self.shape(place))

    def axis(self, axis: int, place: int = 0) -> int:
        """An axis counted from the front. Raises `ModelError` if the input has no such axis."""
        rank = self.rank(place)
        if not -rank <= axis < rank:
            raise ModelError(f"axis {axis} does not fit {self.shape(place)}")
        return axis % rank

    def known(self, place: int) -> Known:
        """The input as a value that is known. Raises `NotKnownError` where the network computes it."""
        given = self.given(place)
        if isinstance(given, Edge):
            raise NotKnownError(
                f"its {self._local(place)} must be known before the network runs, and is computed by '{given.name}'",
                self.node.input[place],
            )
        return given if isinstance(given, Known) else Known.of(given.array)

    def weight(self, place: int) -> Weight:
        """The input as numbers that belong to a node."""
        given = self.given(place)
        return given if isinstance(given, Weight) else Weight(self.known(place).array)

    def alone(self, place: int) -> bool:
        """Whether the numbers of an input may belong to this node: they are known, and no other node takes them."""
        given = self.given(place)
        return isinstance(given, Known) or (isinstance(given, Weight) and given.name not in self.net.shared)

    def dims(self, place: int) -> tuple[int | str, ...]:
        """The input as dimensions, with multiples of the batch as "2N"."""
        return self.known(place).dims

    def numbers(self, place: int) -> list[Any]:
        """The input as a list of plain numbers."""
        numbers: list[Any] = np.asarray(self.known(place).array).reshape(-1).tolist()
        return numbers

    def number(self, place: int) -> Any:
        """The input as one plain number."""
        numbers = self.numbers(place)
        if len(numbers) != 1:
            raise ModelError(f"its {self._local(place)} is one number, not {len(numbers)}")
        return numbers[0]

    def listed(self, attribute: str, place: int) -> list[Any] | None:
        """What older opsets have as an attribute, and newer ones as an input; None where it is not given."""
        if attribute in self._attributes:
            value = self._attributes[attribute]
            return None if value is None else list(value) if isinstance(value, list | tuple) else [value]
        return self.numbers(place) if self.has(place) else None

    def single(self, attribute: str, place: int, default: Any = None) -> Any:
        """One number that older opsets have as an attribute, and newer ones as an input."""
        found = self.listed(attribute, place)
        return found[0] if found else default

    def _local(self, place: int) -> str:
        """What the operator calls this input."""
        declared = schema(self.node.op_type, self.version).inputs
        return str(declared[min(place, len(declared) - 1)].name) if declared else str(place)

    # Nodes

    def add(self, op: Op, *edges: Edge, suffix: str = "", weights: Mapping[str, Weight] | None = None) -> Edge:
        """Add a node with its weights; with a `suffix` one that only helps, called `NAME.suffix`."""
        return self.net.add(f"{self.name}.{suffix}" if suffix else self.name, op, edges, weights)

    def constant(self, array: Array, suffix: str) -> Edge:
        """A number, or several, that the network takes and training does not move."""
        return self.net.constant(Known.of(np.asarray(array)), f"{self.name}.{suffix}")

    def wanted(self, output: int) -> bool:
        """Whether the file gives the output a name."""
        return output < len(self.node.output) and bool(self.node.output[output])


def shape_at(shape: Shape) -> Known:
    """A shape as numbers, at both batch sizes."""
    a, b = (np.array(shape.bind(n), dtype=np.int64) for n in BATCHES)
    return Known.of(a) if np.array_equal(a, b) else Known((a, b))


@cache
def schema(op_type: str, version: int) -> Any:
    """What ONNX says of the operator. Raises `ModelError` where this opset has none of the name."""
    import onnx.defs

    try:
        found = onnx.defs.get_schema(op_type, version)
    except onnx.defs.SchemaError:
        raise ModelError(f"ONNX's opset {version} has no operator {op_type}") from None
    if found.deprecated:
        raise ModelError(f"the operator {op_type} is withdrawn in opset {version}")
    return found


def attributes_of(node: Any, version: int) -> dict[str, Any]:
    """The attributes of a node by name, defaults too, as plain values; arrays stay tensors of ONNX.

    Raises `ModelError` for an attribute that the operator has not, one of another type, or one that is missing.
    """
    from onnx import AttributeProto, helper

    declared = schema(node.op_type, version).attributes
    values = {
        name: _plain(helper.get_attribute_value(a.default_value)) if a.default_value.name else None
        for name, a in declared.items()
    }
    for attribute in node.attribute:
        if attribute.name not in declared:
            raise ModelError(f"{node.op_type} of opset {version} has no attribute '{attribute.name}'")
        wanted = int(declared[attribute.name].type.value)
        if attribute.type != wanted:
            raise ModelError(f"its attribute '{attribute.name}' is no {AttributeProto.AttributeType.Name(wanted)}")
        values[attribute.name] = _plain(helper.get_attribute_value(attribute))
    given = {attribute.name for attribute in node.attribute}
    if missing := [name for name, a in declared.items() if a.required and name not in given]:
        raise ModelError(f"its attribute '{missing[0]}' is missing")
    return values


def _plain(value: Any) -> Any:
    """Text as text, and float32 as the shortest number that rounds to it: 0.01, and not 0.009999999776."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float):
        return float(str(np.float32(value)))
    if isinstance(value, list | tuple) or type(value).__name__.startswith("Repeated"):
        return [_plain(item) for item in value]
    return value
