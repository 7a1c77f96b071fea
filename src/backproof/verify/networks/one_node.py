"""One node as a network of its own, fed with given inputs and a given gradient of its output, in any engine.

The gradient goes in through a loss that every engine has, the mean square error against targets t:

    d/dy mean (y - t)² = 2 (y - t) / size(y) = s dy    for    t = -s dy size(y) / 2,

as long as y itself is nothing beside t. The scale s, a power of two and so without rounding, is chosen to make it so;
the gradients that come back are divided by it. Thus even a wrong y hardly touches the backward pass.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backproof.engines import DType, Engine, Mode
from backproof.graph import Array, Arrays, Graph, Input, Loss, Node, Shape, kind_of
from backproof.graph.graph import make_node
from backproof.ops import MSE
from backproof.verify.core.case import Case, Results, for_prediction, node_on, run_case, unchanging
from backproof.verify.core.location import LOSS, OUTPUT, Location
from backproof.verify.networks.dispute import slope_along

HEADROOM: dict[DType, int] = {"float32": 26, "float64": 56}
"""How many powers of two lie between y and the targets: more than the digits of the dtype hold."""


class OneNode:
    """The node, and the inputs, the gradient and the parameters that every engine gets: the same bytes for all.

    Args:
        node: its name and parameters keep their names, so that dropout draws the same mask.
        inputs: values of its inputs, canonical.
        output: its output in float64, of which only the size matters.
        slope: the gradient of its output; random if nothing reaches it, None for a loss, whose own is 1, and for what
            holds no floats.
        parameters: at least the node's.
    """

    def __init__(
        self,
        node: Node,
        shapes: Sequence[Shape],
        inputs: Sequence[Array],
        output: Array,
        slope: Array | None,
        parameters: Arrays,
        dtype: DType,
    ) -> None:
        self.node = node
        self.parameters = {node.path(local): parameters[node.path(local)] for local in node.parameters}
        names = [f"x{place}" for place in range(len(inputs))]
        self.inputs = {
            name: a.astype(dtype) if a.dtype.kind == "f" else a for name, a in zip(names, inputs, strict=True)
        }
        self._sources = dict(zip(names, node.inputs, strict=True))
        self._loss = isinstance(node.op, Loss)
        self._scale = 1.0
        self._slope: Array = np.ones(())
        if self._loss:
            self.graph = _loss_alone(node, shapes, inputs)
            return
        declared = _declared(shapes, inputs)
        alone = replace(node_on(node.name, node.op, declared), names=node.names)
        self.graph = Graph(declared, (alone,), node.name)
        if node.kind != "float":
            return
        self.graph = self.graph.with_loss(MSE(), "t", f"{node.name} target")
        assert slope is not None
        self._slope = _usable(slope.astype(np.float64))
        self._scale, targets = _targets(output.astype(np.float64), self._slope, HEADROOM[dtype])
        self.inputs["t"] = targets.astype(dtype)

    @np.errstate(over="ignore", invalid="ignore")  # the loss, of huge targets, is of no interest
    def run(
        self,
        engine: Engine,
        dtype: DType,
        mode: Mode,
        parameters: Arrays | None = None,
        inputs: Arrays | None = None,
        graph: Graph | None = None,
    ) -> Results:
        """What the engine makes of it: output, gradients, new state; of one that cannot train the output alone.

        Other `parameters`, `inputs` or a `graph` of the same names may stand in for the given ones.
        """
        parameters = self.parameters if parameters is None else parameters
        case = Case(graph or self.graph, parameters, self.inputs if inputs is None else inputs, mode)
        if not engine.capabilities.trains:
            return run_case(engine, for_prediction(case), dtype)
        made = run_case(engine, case, dtype)
        found = {OUTPUT: made.pop(LOSS) if self._loss else made[OUTPUT]}
        for at, value in made.items():
            if at.kind == "state":
                found[at.within(self.node.name)] = value
            elif at.kind == "gradient of parameter":
                found[at.within(self.node.name)] = self._unscaled(value)
            elif at.name in self._sources:
                found[replace(at, name=self._sources[at.name])] = self._unscaled(value)
        return found

    def slope_along(self, engine: Engine, mode: Mode, location: Location, direction: Array) -> tuple[float, float]:
        """By numbers: how fast <gradient of the output, output> moves along a direction of a parameter or an input.

        The output is the engine's own, in float64 if it can. Returns that, and how unsure it is.
        """
        graph = self.graph if self._loss else self.graph.without_loss()
        parameters = {name: value.astype(np.float64) for name, value in self.parameters.items()}
        inputs = {i.name: self.inputs[i.name] for i in graph.inputs}
        group, name = parameters, self.node.path(location.name)
        if location.kind == "gradient of input":
            group, name = inputs, [x for x, source in self._sources.items() if source == location.name][-1]
        predictor = engine.compile(graph, parameters, dtype=engine.capabilities.nearest_dtype("float64"))
        start = group[name].astype(np.float64)

        def output(h: float) -> Array:
            group[name] = np.asarray(start + h * direction)
            predictor.load(parameters)
            return predictor.forward(inputs, mode)[graph.loss or graph.output].astype(np.float64)

        here = output(0.0)
        return slope_along(lambda h: float(np.sum(self._slope * (output(h) - here))), float(np.max(np.abs(start))))

    def _unscaled(self, gradient: Array) -> Array:
        return np.asarray(gradient.astype(np.float64) / self._scale) if self._scale != 1 else gradient


def _declared(shapes: Sequence[Shape], arrays: Sequence[Array]) -> tuple[Input, ...]:
    """The inputs of a network that takes those arrays."""
    pairs = zip(shapes, arrays, strict=True)
    return tuple(Input(f"x{place}", shape, kind_of(x)) for place, (shape, x) in enumerate(pairs))


def _loss_alone(node: Node, shapes: Sequence[Shape], arrays: Sequence[Array]) -> Graph:
    """A loss behind a node that changes nothing, since a network needs a prediction."""
    declared = _declared(shapes, arrays)
    same = unchanging(f"{node.name} prediction", declared[0])
    taken = {same.name: same.shape} | {i.name: i.shape for i in declared[1:]}
    return Graph(declared, (same, make_node(node.name, node.op, taken)), same.name, node.name)


def _usable(slope: Array) -> Array:
    """The gradient of the output; a random one where nothing reaches it, or it is not finite."""
    return slope if 0 < np.max(np.abs(slope)) < np.inf else np.random.default_rng(0).standard_normal(slope.shape)


def _targets(output: Array, slope: Array, headroom: int) -> tuple[float, Array]:
    """The scale s and the targets t = -s dy size / 2, `headroom` powers of two larger than the output."""
    steepest = float(np.max(np.abs(slope)))
    largest = float(np.max(np.abs(output))) or 1.0
    scale = 2.0 ** np.floor(headroom + np.log2(largest) - np.log2(steepest * output.size / 2))
    return float(scale), np.asarray(-scale * slope * (output.size / 2))
