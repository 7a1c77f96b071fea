"""Networks that end in probabilities, as files for prediction do, brought back to the logits that losses take."""

from collections.abc import Collection
from dataclasses import replace

from backproof.graph import Graph, Op
from backproof.ops import LogSoftmax, Sigmoid, Softmax

SQUASHING: tuple[type[Op], ...] = (Softmax, LogSoftmax, Sigmoid)
"""What turns logits into probabilities, or their logarithms."""


def logits(graph: Graph, squashing: Collection[type[Op]] = SQUASHING) -> Graph:
    """The network without its loss, and without a last operation of these kinds on any of its outputs."""

    def before(name: str) -> str:
        node = graph.node[name]
        off = type(node.op) in squashing and node.inputs[0] in graph.node
        return node.inputs[0] if off else name

    names = [before(name) for name in graph.outputs]
    if len(set(names)) < len(names):  # two outputs on the same logits stay as they are
        names = list(graph.outputs)
    return replace(graph, output=names[0], auxiliary=tuple(names[1:]), loss=None).without_loss(auxiliary=True)
