"""What an operation does to arrays that are not its own.

Kernels borrow the values they take and the gradient of what they made; others hold the same arrays. A result
belongs to the caller, who may keep it. So the operation is put where others look on: its inputs come from nodes whose
values are asked for afterwards, and its output goes into a sum, whose other summand gets the very same gradient.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from backproof.engines import Engine, Trainer
from backproof.graph import Array, Graph, Input, Loss, Node
from backproof.graph.graph import make_node
from backproof.ops import MSE, Add
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import Case, results, unchanging
from backproof.verify.core.finding import Finding
from backproof.verify.core.tolerances import difference, tolerance


def check_side_effects(engine: Engine, trainer: Trainer, case: Case, comparison: FindingBuilder) -> Iterator[Finding]:
    """The findings on `case`, from which `engine` compiled `trainer`; its numbers are exact in the trainer's dtype."""
    if engine.capabilities.trains:
        yield from _borrowed_arrays_unchanged(engine, case, comparison)
    yield comparison.contract("results belong to the caller", _taken_back(trainer, case))


def _borrowed_arrays_unchanged(engine: Engine, case: Case, comparison: FindingBuilder) -> Iterator[Finding]:
    graph = _among_others(case.graph)
    trainer = engine.compile(graph, case.parameters, dtype=comparison.dtype)
    held = {name: value for name, value in case.inputs.items() if _held(name) in graph.node}
    inputs = dict(case.inputs)
    summand = next((i for i in graph.inputs if i.name == SUMMAND), None)
    if summand is not None:
        inputs[SUMMAND] = np.zeros(summand.shape.bind(case.samples))
    values = trainer.forward(inputs, case.mode, [_held(name) for name in held])
    changed = [name for name, value in held.items() if not np.array_equal(values[_held(name)], value, equal_nan=True)]
    yield comparison.contract("values taken unchanged", f"{' and '.join(changed)} written over" if changed else "")
    if summand is None:
        return  # a loss gets no gradient that anybody else holds, and what holds no floats gets none
    found = trainer.gradients(inputs, case.mode)
    slope, allowed = found.inputs[SUMMAND], tolerance(comparison.dtype)
    right = 2 * (found.output - inputs["y"]) / found.output.size  # of the mean squared error at output + 0
    if not difference(slope, right) <= allowed:  # rarely: the sum itself may be wrong, which is an error of its own
        alone = engine.compile(_sum_alone(summand), {}, dtype=comparison.dtype)
        given = {"op": found.output, SUMMAND: inputs[SUMMAND], "y": inputs["y"]}
        right = alone.gradients(given, case.mode).inputs[SUMMAND]
    # A gradient that is not finite is an error of its own, which the comparison with the reference names.
    same = not np.all(np.isfinite(right)) or difference(slope, right) <= allowed
    yield comparison.contract("gradient of output unchanged", "" if same else "written over while others hold it")


SUMMAND = "summand"
"""The input that is added to the operation's output."""


def _held(name: str) -> str:
    return f"{name} held"


def _among_others(graph: Graph) -> Graph:
    """The same operation, taking its float inputs from nodes; its output goes into a sum.

    Not so that of a loss, or one that holds no floats and so gets no gradient.
    """
    op = graph.node["op"]
    inputs, nodes = [i for i in graph.inputs if i.name != "y" or isinstance(op.op, Loss)], list[Node]()
    shapes = {i.name: i.shape for i in inputs}
    kinds = {i.name: i.kind for i in inputs}
    source = {}
    for i in inputs:
        if i.kind == "float" and i.shape.has_batch:
            nodes.append(unchanging(_held(i.name), i))
            source[i.name] = _held(i.name)
            shapes[_held(i.name)] = i.shape
    takes = [source.get(i.name, i.name) for i in inputs]
    nodes.append(make_node("op", op.op, shapes, takes, kinds=kinds))
    if isinstance(op.op, Loss):
        return Graph(tuple(inputs), tuple(nodes), takes[0], "op")
    if op.kind != "float":
        return Graph(tuple(inputs), tuple(nodes), "op")
    other = Input(SUMMAND, op.shape)
    nodes.append(make_node("sum", Add(), {"op": op.shape, SUMMAND: op.shape}))
    return Graph((*inputs, other), tuple(nodes), "sum").with_loss(MSE())


def _sum_alone(summand: Input) -> Graph:
    """The end of that network, with the operation's output given."""
    given = Input("op", summand.shape)
    end = make_node("sum", Add(), {i.name: i.shape for i in (given, summand)})
    return Graph((given, summand), (end,), "sum").with_loss(MSE())


def _taken_back(trainer: Trainer, case: Case) -> str:
    """How a result turned out not to be the caller's; empty if all are."""
    given = {name: value.copy() for name, value in case.inputs.items()}
    first = _everything(trainer, replace(case, inputs=given))
    kept = {name: value.copy() for name, value in first.items()}
    others = {name: np.asarray(-v) if v.dtype.kind == "f" else v for name, v in given.items()}
    _everything(trainer, replace(case, inputs=others))
    written = [name for name, value in first.items() if not np.array_equal(value, kept[name], equal_nan=True)]
    if written:
        return f"{' and '.join(written)} changed when the next pass was taken"
    shared = [n for n, a in first.items() if any(np.shares_memory(a, b) for b in given.values())]
    return f"{' and '.join(shared)} shares memory with an input" if shared else ""


def _everything(trainer: Trainer, case: Case) -> dict[str, Array]:
    """All that both ways through the trainer give."""
    names = [node.name for node in trainer.graph.nodes]
    values = {f"value of {name}": value for name, value in trainer.forward(case.inputs, case.mode, names).items()}
    return {str(location): array for location, array in results(trainer, case).items()} | values
