"""A case: a network with weights and inputs that any engine can run, and what an engine makes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backproof.engines import DType, Engine, Mode, Predictor, Trainer
from backproof.engines.inputs import batch_size
from backproof.graph import Array, Arrays, Graph, Input, Loss, Node, Op, Sample, Shape, kind_of
from backproof.graph.graph import make_node
from backproof.ops import L1, MSE, Reshape, WeightedSum
from backproof.verify.core.location import LOSS, OUTPUT, Location
from backproof.verify.core.rounding import perturbed
from backproof.verify.core.tolerances import difference

Results = dict[Location, Array]
"""What an engine makes of a case."""


@dataclass(frozen=True)
class Case:
    """A network with weights, what goes in, and how the pass is taken."""

    graph: Graph
    parameters: Arrays
    inputs: Arrays
    mode: Mode

    @property
    def samples(self) -> int:
        """The size of the batch."""
        return batch_size(self.graph, self.inputs)

    @property
    def terms(self) -> int:
        """Terms of a sum that no sum over the inputs can exceed."""
        return sum(np.size(x) for x in self.inputs.values())


def make_case(sample: Sample, seed: int) -> Case:
    """Wrap `sample` into a network, with inputs and parameters drawn from `seed`.

    An operation is followed by MSE against random targets, so its output gets a gradient without any symmetry; or by
    L1, whose gradient is finite, if inputs are not; or by nothing, if its output holds no floats, which have gradients.
    A loss stands alone, behind a node that changes nothing, since a network needs a prediction.
    """
    rng = np.random.default_rng(seed)
    arrays = sample.inputs(rng)
    if isinstance(sample.op, Loss):
        x = Input("x", sample.declared[0])
        graph = Graph((x,), (unchanging("same", x),), "same").with_loss(sample.op, name="op")
        inputs = dict(zip((i.name for i in graph.inputs), arrays, strict=True))
    else:
        names = [f"x{i}" for i in range(len(arrays))]
        declared = tuple(
            Input(name, shape, kind_of(x)) for name, shape, x in zip(names, sample.declared, arrays, strict=True)
        )
        node = node_on("op", sample.op, declared)
        graph = Graph(declared, (node,), "op")
        inputs = dict(zip(names, arrays, strict=True))
        if node.kind == "float":
            graph = graph.with_loss(MSE() if sample.finite else L1())
            inputs["y"] = rng.standard_normal(node.shape.bind(sample.batch))
    # Not the initial weights: zeros and ones hide faults. Statistics are positive, as variances must be.
    parameters = {
        name: rng.standard_normal(spec.shape) if spec.trainable else rng.uniform(0.5, 1.5, spec.shape)
        for name, spec in graph.parameters.items()
    }
    if sample.values == "infinite weight":
        weight = next(iter(parameters.values()))
        weight.flat[rng.integers(weight.size)] = np.inf
    return Case(graph, parameters, inputs, Mode(sample.training, seed))


def node_on(name: str, op: Op, inputs: Sequence[Input]) -> Node:
    """A node on inputs of a network."""
    return make_node(name, op, {i.name: i.shape for i in inputs}, kinds={i.name: i.kind for i in inputs})


def unchanging(name: str, x: Input | Node) -> Node:
    """A node on floats that changes nothing."""
    batched = x.shape[:1] == ("N",) and not Shape(*x.shape[1:]).has_batch
    op = Reshape(x.shape.per_sample) if batched else WeightedSum((1.0,))
    return make_node(name, op, {x.name: x.shape})


def for_prediction(case: Case) -> Case:
    """The case for an engine that only predicts: in evaluation mode, without the loss behind an operation."""
    graph, mode = case.graph, replace(case.mode, training=False)
    if graph.loss is None or graph.loss == "op":
        return replace(case, mode=mode)
    bare = graph.without_loss()
    parameters = {name: case.parameters[name] for name in bare.parameters}
    inputs = {i.name: case.inputs[i.name] for i in bare.inputs}
    return replace(case, graph=bare, parameters=parameters, inputs=inputs, mode=mode)


PERTURBATIONS = 8
"""How often the numbers are perturbed: of three draws the largest was now and then too small."""

ROOM = 8
"""How many times as far as one perturbation moves them results may be apart: rounding errs at every step of the way."""


def sensitivity(run: Callable[[Case], Results], case: Case, results: Results, dtype: DType) -> float:
    """How far any of the results moves when every float that goes in is off by about one rounding error of `dtype`.

    Batch normalisation of nearly equal numbers multiplies rounding errors by 1 / σ, in the best of engines. What the
    inputs do not fix is no engine's error. One number for all results: a sum that cancels exactly does not move, but
    rounding on the way to it does. `run` gives the results of a case, such as `partial(run_case, engine)`.
    """
    rng = np.random.default_rng(0)
    moved = 0.0
    for _ in range(PERTURBATIONS):
        parameters, inputs = (perturbed(arrays, dtype, rng, whole=False) for arrays in (case.parameters, case.inputs))
        found = run(replace(case, parameters=parameters, inputs=inputs))
        moved = max(moved, *(difference(found[location], value) for location, value in results.items()))
    return moved


def run_case(engine: Engine, case: Case, dtype: DType = "float64") -> Results:
    """Everything that an engine makes of a case."""
    return results(engine.compile(case.graph, case.parameters, dtype=dtype), case)


def results(predictor: Predictor | Trainer, case: Case) -> Results:
    """Everything that a trainer makes of a case, or a predictor, or anyone of a network without a loss.

    The trainer keeps its parameters.
    """
    graph = case.graph
    if graph.loss is None or not hasattr(predictor, "gradients"):
        values = predictor.forward(case.inputs, case.mode)
        return {OUTPUT: values[graph.output]} | ({LOSS: np.asarray(values[graph.loss])} if graph.loss else {})
    found = predictor.gradients(case.inputs, case.mode)
    return {
        OUTPUT: found.output,
        LOSS: np.array(found.loss),
        **{Location("gradient of parameter", name): g for name, g in found.parameters.items()},
        **{Location("gradient of input", name): g for name, g in found.inputs.items()},
        **{Location("state", name): value for name, value in found.state.items()},
    }
