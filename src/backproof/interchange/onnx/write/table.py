"""How an operation becomes nodes of ONNX: the table of its writers, and what each of them gets."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from backproof.graph import Graph, Node, Op
from backproof.graph.shape import Dim, batches

ELEMENTS = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}
"""ONNX's number of each dtype that networks are computed in."""


class Names:
    """The names of values that are taken; helpers get names of their own."""

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = set(taken)

    def unique(self, wanted: str) -> str:
        """`wanted`, or `wanted_2`, ... where that is taken."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


class Nodes:
    """Nodes of ONNX in the making. Called, it adds one and returns the name of its value, `PREFIX/OP_TYPE`.

        h = nodes("Mul", x, nodes.constant(0.5))

    Attributes:
        prefix: what names begin with.
        opset: the version of ONNX's operators that is written.
        dtype: "float32" or "float64".
        written: the nodes so far.
    """

    def __init__(self, prefix: str, opset: int, dtype: str, names: Names) -> None:
        self.prefix = prefix
        self.opset = opset
        self.dtype = dtype
        self.written: list[NodeProto] = []
        self._names = names

    def __call__(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of ONNX; attributes that are None are left out."""
        name = self._names.unique(f"{self.prefix}/{op_type}")
        given = {key: value for key, value in attributes.items() if value is not None}
        self.written.append(helper.make_node(op_type, list(inputs), [name], name=name, **given))
        return name

    def constant(self, values: Any, dtype: str = "") -> str:
        """An array of the network's dtype, or of `dtype`, as a node `Constant`: what is an initializer is a weight."""
        array = np.asarray(values, dtype or self.dtype)
        return self("Constant", value=numpy_helper.from_array(array))

    def ints(self, *values: int) -> str:
        """Whole numbers, such as axes: (n,)."""
        return self.constant(values, "int64")


class Writer(Nodes):
    """One node of a network on its way to ONNX.

    Attributes:
        node: the network's node; the names of what is written begin with its own.
        inputs: the shapes of its inputs.
    """

    def __init__(self, node: Node, graph: Graph, opset: int, dtype: str, names: Names) -> None:
        super().__init__(node.name, opset, dtype, names)
        self.node = node
        self.inputs = tuple(graph.shapes[name] for name in node.inputs)
        self._graph = graph

    def p(self, local: str) -> str:
        """The value of a parameter; "", ONNX's word for nothing, where the operation has none of that name."""
        return self.node.path(local) if local in self.node.parameters else ""

    def sizes(self, dims: Sequence[Dim]) -> str:
        """Whole numbers, (n,), in which the batch or a multiple of it is what it is in this pass; 1 without inputs."""
        places = [(i, axis) for i in self._graph.inputs for axis, dim in enumerate(i.shape) if isinstance(dim, str)]
        if not places or not any(isinstance(dim, str) for dim in dims):
            return self.ints(*(dim if isinstance(dim, int) else batches(dim) for dim in dims))
        i, axis = places[0]
        size = self("Shape", i.name, start=axis, end=axis + 1)
        samples = self("Div", size, self.ints(batches(str(i.shape[axis]))))
        parts = [self("Mul", samples, self.ints(batches(d))) if isinstance(d, str) else self.ints(d) for d in dims]
        return self("Concat", *parts, axis=0)

    def finish(self, value: str, called: str) -> list[NodeProto]:
        """The nodes; the last has the name of the network's node, and gives `value` under the name `called`."""
        if not self.written or self.written[-1].output[0] != value:
            self("Identity", value)
        last = self.written[-1]
        last.name, last.output[0] = self.node.name, called
        return self.written


AnyWriter = TypeVar("AnyWriter", bound=Callable[..., str])

WRITERS: dict[type[Op], Callable[..., str]] = {}
"""(w, op, *inputs) -> the name of the output: the writer of each operation. Inputs are names of values too."""


def writes(*ops: type[Op]) -> Callable[[AnyWriter], AnyWriter]:
    """Decorator: this function writes these operations."""

    def register(function: AnyWriter) -> AnyWriter:
        WRITERS.update(dict.fromkeys(ops, function))
        return function

    return register
