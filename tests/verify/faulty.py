"""Engines with a fault planted in one node, forward or backward: the checks must name it."""

from backproof.engines import get_engine
from backproof.engines.base import Direction
from backproof.graph import Graph, Op


class Planted:
    """A kernel that is right everywhere but at one node, where it is off by a factor in one direction."""

    def __init__(self, kernel, node: str, direction: Direction, factor: float) -> None:
        self._kernel, self._node, self._direction, self._factor = kernel, node, direction, factor

    def forward(self, op, inputs, p, call):
        y, saved = self._kernel.forward(op, inputs, p, call)
        if call.node == self._node and self._direction == "forward":
            y = self._wrong(y)
        return y, saved

    def backward(self, op, dy, saved, p, g, call):
        dxs = self._kernel.backward(op, dy, saved, p, g, call)
        if call.node == self._node and self._direction == "backward":
            dxs = tuple(None if dx is None else self._wrong(dx) for dx in dxs)
        return dxs

    def _wrong(self, array):
        wrong = array.copy()
        wrong.reshape(-1)[::3] *= self._factor  # not all: batch normalisation takes a common factor away again
        return wrong

    def __getattr__(self, name: str):
        return getattr(self._kernel, name)


class FaultyEngine:
    """The engine `name` with a fault at `node` of `graph`: each third element is off by a factor.

    All its trainers compute with the altered table, that of a node alone too. `kind` is the operation whose kernel is
    altered, if it is not the node's own: an engine may compute several nodes as one.
    """

    def __init__(
        self,
        name: str,
        graph: Graph,
        node: str,
        direction: Direction,
        factor: float = 1.5,
        kind: type[Op] | None = None,
    ) -> None:
        self.name = name
        self._engine = get_engine(name)
        self.capabilities = self._engine.capabilities
        self._kind = kind or type(graph.node[node].op)
        self._plant = (node, direction, factor)

    @property
    def operations(self):
        return self._engine.operations

    def compile(self, graph, parameters, *, dtype="float32", device="cpu"):
        trainer = self._engine.compile(graph, parameters, dtype=dtype, device=device)
        # The trainer's own table, before its first sweep takes from it.
        trainer.kernels = {**trainer.kernels, self._kind: Planted(trainer.kernels[self._kind], *self._plant)}
        return trainer

    def info(self):
        return self._engine.info()

    def set_threads(self, count: int) -> None:
        self._engine.set_threads(count)
