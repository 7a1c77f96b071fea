"""Analytical against numerical gradients, node by node: for networks that are too deep to be probed as a whole.

Finite differences of a whole network take two passes a probe. In a deep one nearly every direction crosses the kink of
some ReLU besides, so that thousands of passes say little. A node alone takes a short pass, and crosses only its own
kinks. How gradients go on from node to node is left to the comparison with other engines.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from backproof.engines import Engine, Mode
from backproof.graph import Arrays, Graph, Loss, Node
from backproof.verify.core.gradient_check import check_gradients
from backproof.verify.core.gradient_report import GradientReport, TensorCheck
from backproof.verify.networks.one_node import OneNode


def check_node_gradients(
    engine: Engine,
    graph: Graph,
    parameters: Arrays,
    inputs: Arrays,
    mode: Mode,
    *,
    coordinates: int = 3,
    say: Callable[[str], None] = lambda _: None,
) -> GradientReport:
    """Check the gradients of each node's parameters and inputs, on what it gets in a pass over `inputs`, in float64.

    Of nodes that compute the same on the same shapes the first stands for all. A tensor is named `NODE.PARAMETER` or
    `INPUT into NODE`. Raises `UserError` if the engine lacks an operation or float64.
    """
    trainer = engine.compile(graph, parameters, dtype="float64")
    values = {**inputs, **trainer.forward(inputs, mode, [node.name for node in graph.nodes])}
    assert graph.loss is not None
    cost = float(values[graph.loss])
    if not np.isfinite(cost):
        return GradientReport((), cost)
    chosen = {(node.op, *(np.shape(values[name]) for name in node.inputs)): node for node in reversed(graph.nodes)}
    tensors: list[TensorCheck] = []
    for place, node in enumerate(reversed(chosen.values()), 1):
        if node.kind != "float":
            continue
        say(f"finite differences: {node.name}, {place} of {len(chosen)} kinds of nodes")
        tensors += check_node_gradient(engine, graph, node, values, parameters, mode, coordinates)
    return GradientReport(tuple(tensors), cost)


def check_node_gradient(
    engine: Engine, graph: Graph, node: Node, values: Arrays, parameters: Arrays, mode: Mode, coordinates: int
) -> list[TensorCheck]:
    """One node, on the `values` that it gets, by name.

    It stands in front of a loss of its own, the mean square error against its output and some noise of the same size.
    """
    rng = np.random.default_rng(mode.seed)
    output = np.asarray(values[node.name])
    noise = rng.standard_normal(output.shape)
    alone = OneNode(
        node,
        [graph.shapes[name] for name in node.inputs],
        [values[name] for name in node.inputs],
        output,
        None if isinstance(node.op, Loss) else noise,
        parameters,
        "float64",
    )
    taken = {name: value for name, value in alone.inputs.items() if name != "t"}
    if not isinstance(node.op, Loss):
        taken["t"] = output + noise * (np.std(output) or 1.0)
    trainer = engine.compile(alone.graph, alone.parameters, dtype="float64")
    report = check_gradients(trainer, taken, mode, rng=rng, coordinates=coordinates)
    sources = {f"x{place}": f"{name} into {node.name}" for place, name in enumerate(node.inputs)}
    return [
        replace(tensor, name=sources.get(tensor.name, tensor.name)) for tensor in report.tensors if tensor.name != "t"
    ]
