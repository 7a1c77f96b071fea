"""What is needed to see a fault again: the network, the numbers that went in, and both answers."""

from collections.abc import Callable
from dataclasses import dataclass, field

from backproof.engines import DType, Mode
from backproof.graph import Arrays, Graph
from backproof.optim import Optimizer


@dataclass(frozen=True)
class Failure:
    """A case on which an engine was wrong.

    Attributes:
        name: a short name, for a file.
        engine: who was wrong.
        judge: who said so.
        dtype: what the engine computed in.
        graph: the network.
        parameters: its weights, as they were before.
        inputs: what went in.
        mode: how the pass was taken.
        found: the engine's answers by what they are.
        expected: the judge's.
        optimizer: the optimizer, where a training step was checked.
        state: its state before the step.
    """

    name: str
    engine: str
    judge: str
    dtype: DType
    graph: Graph
    parameters: Arrays
    inputs: Arrays
    mode: Mode
    found: Arrays
    expected: Arrays
    optimizer: Optimizer | None = None
    state: Arrays = field(default_factory=dict)


Keep = Callable[[Failure], str]
"""Told of each failure; returns the command line that replays it."""
