"""Single operations on realistic shapes: those of a network, or a user's own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from backproof.bench.job import OpCase
from backproof.errors import OptionError, UserError, unknown
from backproof.graph import OPERATIONS, Array, Arrays, Graph, Input, Loss, Shape
from backproof.graph.graph import make_node
from backproof.graph.op import op_from_attributes
from backproof.models import build, classes_of_file, is_onnx_file
from backproof.ops import Conv2d, ConvTranspose2d, Linear
from backproof.ops.dropout import Dropping


@dataclass(frozen=True)
class Drawn:
    """A case with its numbers: a network of one node, inputs, weights, and the gradient of the output, float64."""

    graph: Graph
    inputs: tuple[Array, ...]
    parameters: Arrays
    dy: Array

    @property
    def trainable(self) -> bool:
        """Whether there are weights."""
        return any(spec.trainable for spec in self.graph.parameters.values())


def graph_of(case: OpCase) -> Graph:
    """The case as a network of one node, `op`, on inputs x0, x1, ..."""
    inputs = tuple(Input(f"x{i}", Shape("N", *shape[1:])) for i, shape in enumerate(case.shapes))
    node = make_node("op", op_from_attributes(case.op, case.attributes), {i.name: i.shape for i in inputs})
    return Graph(inputs, (node,), "op")


def draw(case: OpCase, seed: int) -> Drawn:
    """Standard normal inputs and gradients, equal in every process; weights of a size that keeps the output's."""
    rng = np.random.default_rng(seed)
    graph = graph_of(case)
    inputs = tuple(rng.standard_normal(shape) for shape in case.shapes)
    parameters = {
        name: rng.standard_normal(spec.shape) / np.sqrt(spec.fan_in) if spec.trainable else np.ones(spec.shape)
        for name, spec in graph.parameters.items()
    }
    return Drawn(graph, inputs, parameters, rng.standard_normal(output_shape(case)))


def output_shape(case: OpCase) -> tuple[int, ...]:
    """Batch included."""
    return graph_of(case).node["op"].shape.bind(case.shapes[0][0])


def flops(case: OpCase) -> int:
    """Floating-point operations forward, of which backward to the inputs and to the weights takes as many each.

    A multiplication and an addition for each element of the kernel; 0 for operations that are not sums of products.
    """
    node = graph_of(case).node["op"]
    if not isinstance(node.op, Linear | Conv2d | ConvTranspose2d):
        return 0
    weight = node.parameters["weight"].shape
    if isinstance(node.op, ConvTranspose2d):
        return 2 * prod(case.shapes[0]) * prod(weight[1:])
    return 2 * prod(output_shape(case)) * prod(weight[1:])


def cases_of(
    model: str, op: str, input_shape: Sequence[int], batch_size: int, options: Mapping[str, Any]
) -> list[OpCase]:
    """Every shape that operation `op` has in a model, and how often. Raises `UserError` if it has none."""
    require_operation(op)
    x = Shape("N", *input_shape)
    graph = build(model, x, classes_of_file(model, x) if is_onnx_file(model) else 10, options)
    found: Counter[tuple[str, tuple[tuple[int, ...], ...]]] = Counter()
    attributes = {}
    for node in graph.nodes:
        if type(node.op).__name__ == op:
            shapes = tuple(graph.shapes[name].bind(batch_size) for name in node.inputs)
            attributes[str(node.op)] = node.op.attributes()
            found[str(node.op), shapes] += 1
    if not found:
        raise OptionError("{model} '{}' has no {}; name a model that has one, or give {shapes}", model, op)
    return [OpCase(op=op, attributes=attributes[text], shapes=s, count=n) for (text, s), n in found.items()]


def require_operation(name: str) -> None:
    """Raise `UserError` for an unknown operation, and for one that cannot be timed alone."""
    if name not in OPERATIONS:
        raise unknown("operation", name, OPERATIONS)
    if issubclass(OPERATIONS[name], Loss | Dropping):
        raise UserError(f"{name} is not timed alone: losses need labels, and dropout is drawn anew by every library")


def label(case: OpCase) -> str:
    """ "Conv2d(64, (3, 3), padding=(1, 1, 1, 1)) on 16x64x24x24"."""
    op = op_from_attributes(case.op, case.attributes)
    return f"{op} on {' and '.join('x'.join(map(str, shape)) for shape in case.shapes)}"
