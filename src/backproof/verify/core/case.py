"""Do two engines compute the same? One operation at a time."""

from dataclasses import dataclass, replace

import numpy as np

from backproof.engines import DType, Engine, Mode, Trainer
from backproof.graph import Array, Arrays, Graph, Input, Loss, Sample, Shape
from backproof.graph.graph import make_node
from backproof.ops import MSE, Reshape
from backproof.verify.core.rounding import nudged
from backproof.verify.core.tolerances import difference, tolerance


@dataclass(frozen=True)
class Difference:
    """How far apart two engines' versions of one array are, and how far they may be."""

    what: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Within the tolerance; a NaN is not."""
        return self.error <= self.tolerance


@dataclass(frozen=True)
class Case:
    """A sample of an operation as a network that any engine can run: the operation, then a loss."""

    graph: Graph
    parameters: Arrays
    inputs: Arrays
    mode: Mode


def make_case(sample: Sample, seed: int) -> Case:
    """Wrap `sample` into a network, with inputs and parameters drawn from `seed`.

    An operation is followed by MSE against random targets, so its output gets a gradient without any symmetry. A loss
    stands alone, behind a Reshape that changes nothing, since a network needs a prediction.
    """
    rng = np.random.default_rng(seed)
    arrays = sample.inputs(rng)
    if isinstance(sample.op, Loss):
        x = Input("x", Shape("N", *sample.shapes[0][1:]))
        same = make_node("same", Reshape(x.shape.per_sample), {x.name: x.shape})
        graph = Graph((x,), (same,), "same").with_loss(sample.op, name="op")
        inputs = dict(zip((i.name for i in graph.inputs), arrays, strict=True))
    else:
        names = [f"x{i}" for i in range(len(arrays))]
        declared = tuple(Input(n, Shape("N", *s[1:])) for n, s in zip(names, sample.shapes, strict=True))
        node = make_node("op", sample.op, {i.name: i.shape for i in declared})
        graph = Graph(declared, (node,), "op").with_loss(MSE())
        targets = rng.standard_normal(node.shape.bind(sample.shapes[0][0]))
        inputs = dict(zip(names, arrays, strict=True)) | {"y": targets}
    # Not the initial weights: zeros and ones hide faults. Statistics are positive, as variances must be.
    parameters = {
        name: rng.standard_normal(spec.shape) if spec.trainable else rng.uniform(0.5, 1.5, spec.shape)
        for name, spec in graph.parameters.items()
    }
    return Case(graph, parameters, inputs, Mode(sample.training, seed))


def compare_ops(a: Engine, b: Engine, sample: Sample, seed: int, dtype: DType = "float64") -> tuple[Difference, ...]:
    """Output, loss, gradients of inputs and parameters, and new state of one operation: `a` in `dtype` against `b`.

    `b` is the judge and computes in float64.
    """
    case = make_case(sample, seed)
    right = run_case(b, case)
    return compare_case(run_case(a, case, dtype), right, case, dtype, sensitivity(b, case, right, dtype))


NUDGES = 8
"""How often the numbers are shaken: of three draws the largest was now and then too small."""

ROOM = 8
"""How many times as far as one shaking moves them results may be apart: rounding shakes at every step of the way."""


def sensitivity(engine: Engine, case: Case, results: Arrays, dtype: DType) -> float:
    """How far any of the results moves when every float that goes in is off by about one rounding error of `dtype`.

    Batch normalisation of nearly equal numbers multiplies rounding errors by 1 / σ, in the best of engines. What the
    question itself does not fix, no answer can be blamed for. One figure for all results: a sum that cancels exactly
    does not move, but rounding on the way to it does.
    """
    rng = np.random.default_rng(0)
    moved = 0.0
    for _ in range(NUDGES):
        parameters, inputs = (nudged(arrays, dtype, rng, whole=False) for arrays in (case.parameters, case.inputs))
        found = run_case(engine, replace(case, parameters=parameters, inputs=inputs))
        moved = max(moved, *(difference(found[name], value) for name, value in results.items()))
    return moved


def run_case(engine: Engine, case: Case, dtype: DType = "float64") -> dict[str, Array]:
    """Everything that an engine makes of a case, by a name that says what it is."""
    return results(engine.compile(case.graph, case.parameters, dtype=dtype), case)


def results(trainer: Trainer, case: Case) -> dict[str, Array]:
    """Everything that a trainer makes of a case, by a name that says what it is. The trainer keeps its parameters."""
    found = trainer.gradients(case.inputs, case.mode)
    return {
        "output": found.output,
        "loss": np.array(found.loss),
        **{f"gradient of {name}": g for name, g in found.parameters.items()},
        **{f"gradient of input {name}": g for name, g in found.inputs.items()},
        **{f"state {name}": value for name, value in found.state.items()},
    }


def compare_case(a: Arrays, b: Arrays, case: Case, dtype: DType, sensitive: float) -> tuple[Difference, ...]:
    """Two results of `run_case`; an array that one of them lacks is infinitely far away.

    `sensitive` is the case's `sensitivity`.
    """
    terms = sum(np.size(x) for x in case.inputs.values())  # no sum in the case can be longer
    allowed = tolerance(dtype, terms) + ROOM * sensitive
    return tuple(
        Difference(
            what,
            difference(a[what], b[what]) if what in a and what in b else float("inf"),
            allowed,
        )
        for what in dict.fromkeys((*a, *b))
    )
