"""A sample of PyTorch's in our words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from backproof.engines import Mode
from backproof.graph import Graph, Input, Loss, Op, Shape
from backproof.graph.graph import make_node
from backproof.ops import MSE, Reshape

REASONS = {
    "no elements": r"a dimension is a whole number >= 1|is an empty batch|leaves nothing of",
    "broadcasting": None,
    "a factor alpha": None,
    "along another axis than 1": None,
    "an argument out=": None,
    "what is no tensor": None,
    "reduction 'none'": r"unknown reduction of \w+ 'none'",
    "a beta of 0": r"SmoothL1's beta is above 0",
    "weights of elements": None,
    "a mean that class weights do not enter": None,
    "class probabilities as targets": r"dtype float64; the network takes whole numbers",
    "indices of the maxima": None,
    "images of 1 or 3 dimensions": None,
    "a negative eps": r"'s eps is 0 or more",
    "momentum outside of 0 to 1": r"BatchNorm's momentum lies between 0 and 1",
    "everything dropped, p = 1": r"'s p lies in \[0, 1\), not 1.0",
    "a negative threshold": r"Softplus needs a threshold of 0 or more",
    "running statistics of instances": None,
    "dampening of Nesterov's momentum": None,
    "maximize": None,
    "lists of parameters": None,
}
"""All reasons for which a sample may be unsupported: the `UserError` that says so, or None where we have no words."""


class UnsupportedError(Exception):
    """A sample that has no words here. The reason is one of `REASONS`."""

    def __init__(self, reason: str) -> None:
        assert REASONS[reason] is None, f"'{reason}' must come as a UserError"
        super().__init__(reason)


def reason_of(sentence: str) -> str | None:
    """The reason for which a valid sample is refused with the `sentence`; None: there is none, so that is a fault."""
    return next((reason for reason, regex in REASONS.items() if regex and re.search(regex, sentence)), None)


@dataclass(frozen=True)
class Given:
    """A tensor of PyTorch's and what it is here: its numbers as they were, in our shape."""

    tensor: Any
    value: np.ndarray


def given(tensor: Any, shape: tuple[int, ...] | None = None) -> Given:
    """A copy of the numbers: batch normalisation writes to its running statistics."""
    value = tensor.detach().numpy().copy()
    return Given(tensor, value if shape is None else value.reshape(shape))


@dataclass(frozen=True)
class Translation:
    """One operation with everything that it takes.

    Attributes:
        op: the operation, with its attributes.
        inputs: what it computes on, losses their target too.
        parameters: by local name.
        training: the mode.
        state: what PyTorch makes of the running statistics: tensors that hold it after its call.
        expression: what PyTorch is to compute instead of the sample's own call.
    """

    op: Op
    inputs: tuple[Given, ...]
    parameters: Mapping[str, Given] = field(default_factory=dict)
    training: bool = True
    state: Mapping[str, Any] = field(default_factory=dict)
    expression: Callable[[], Any] | None = None

    @property
    def mode(self) -> Mode:
        """Of the pass."""
        return Mode(training=self.training)

    def graph(self) -> Graph:
        """The operation alone, followed by MSE; a loss behind a Reshape that changes nothing."""
        declared = tuple(Input(f"x{i}", Shape("N", *x.value.shape[1:]), "float") for i, x in enumerate(self.inputs))
        if isinstance(self.op, Loss):
            x = declared[0]
            same = make_node("same", Reshape(x.shape.per_sample), {x.name: x.shape})
            return Graph((x,), (same,), "same").with_loss(self.op, target="x1", name="op")
        node = make_node("op", self.op, {i.name: i.shape for i in declared})
        return Graph(declared, (node,), "op").with_loss(MSE(), target="target")

    def target(self, size: int) -> np.ndarray:
        """What the output of an operation that is no loss is to be, so that all its elements get a gradient."""
        return np.random.default_rng(0).standard_normal(size)

    def arrays(self, graph: Graph) -> dict[str, np.ndarray]:
        """All inputs of the graph."""
        arrays = {f"x{i}": x.value for i, x in enumerate(self.inputs)}
        if "target" in graph.shapes:
            shape = graph.node["op"].shape.bind(len(self.inputs[0].value))
            arrays["target"] = self.target(prod(shape)).reshape(shape)
        return arrays
