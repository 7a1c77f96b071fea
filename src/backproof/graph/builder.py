"""Two ways to write a network down: a plain chain, and a functional form for networks that branch."""

from collections.abc import Mapping
from dataclasses import dataclass

from backproof.errors import ModelError
from backproof.graph.graph import Graph, Input, Node, make_node
from backproof.graph.op import Kind, Op
from backproof.graph.shape import Shape


@dataclass(frozen=True)
class Value:
    """What flows along an edge while a network is being written: a name, a shape and what it holds."""

    name: str
    shape: Shape
    kind: Kind = "float"


class Builder:
    """The functional form. Each call adds a node and returns its value, which later calls may take twice.

    >>> from backproof.ops import Add, Linear, ReLU
    >>> net = Builder(Shape("N", 8))
    >>> h = net("fc1", Linear(8), net.x)
    >>> h = net("relu", ReLU(), h)
    >>> graph = net.graph(net("add", Add(), h, net.x))
    """

    def __init__(self, x: Shape, name: str = "x", kind: Kind = "float") -> None:
        self._inputs: dict[str, Input] = {}
        self._nodes: dict[str, Node] = {}
        self.x = self.input(name, x, kind)

    def input(self, name: str, shape: Shape, kind: Kind = "float") -> Value:
        """A further value from outside. Raises `UserError` for a name taken twice."""
        self._require_new(name)
        self._inputs[name] = Input(name, shape, kind)
        return Value(name, shape, kind)

    def __call__(self, name: str, op: Op, *inputs: Value, names: Mapping[str, str] | None = None) -> Value:
        """Add the node `name`; `names` are full names of its parameters, by their own, where they are not its name's.

        Raises `UserError` for a name taken twice, or shapes or kinds that do not fit.
        """
        self._require_new(name)
        shapes = {value.name: value.shape for value in inputs}
        kinds = {value.name: value.kind for value in inputs}
        node = make_node(name, op, shapes, [value.name for value in inputs], kinds=kinds, names=names)
        self._nodes[name] = node
        return Value(name, node.shape, node.kind)

    def _require_new(self, name: str) -> None:
        if name in self._nodes or name in self._inputs:
            raise ModelError(f"the name '{name}' stands twice in the network; node names must differ")

    def graph(self, output: Value, *auxiliary: Value) -> Graph:
        """The finished network, with `output` as its prediction, and perhaps auxiliary outputs, to be trained too."""
        names = [value.name for value in (output, *auxiliary)]
        for name in names:
            if name not in self._nodes:
                raise ModelError(f"the output '{name}' is no node of this network")
            if names.count(name) > 1:
                raise ModelError(f"the output '{name}' stands twice among the outputs")
        return Graph(tuple(self._inputs.values()), tuple(self._nodes.values()), names[0], auxiliary=tuple(names[1:]))


class Sequential:
    """A chain of operations, named "0", "1", ... as PyTorch does, or by `(name, op)` pairs.

    >>> from backproof.ops import Linear, ReLU
    >>> graph = Sequential(Linear(100), ReLU(), ("head", Linear(10))).build(Shape("N", 784))
    >>> [node.name for node in graph.nodes]
    ['0', '1', 'head']
    """

    def __init__(self, *ops: Op | tuple[str, Op]) -> None:
        self._ops = [op if isinstance(op, tuple) else (str(i), op) for i, op in enumerate(ops)]
        if not self._ops:
            raise ModelError("Sequential() needs at least one operation")

    def add_to(self, net: Builder, x: Value, prefix: str = "") -> Value:
        """Append the chain to a network under construction, names prefixed by `prefix.`."""
        for name, op in self._ops:
            x = net(f"{prefix}.{name}" if prefix else name, op, x)
        return x

    def build(self, x: Shape) -> Graph:
        """The chain as a network on inputs of shape `x`."""
        net = Builder(x)
        return net.graph(self.add_to(net, net.x))
