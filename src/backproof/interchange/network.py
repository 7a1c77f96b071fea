"""A network together with its weights: what a file of somebody else's holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backproof.graph import Arrays, Graph


@dataclass(frozen=True)
class Network:
    """A network as it was read.

    Attributes:
        graph: without a loss.
        parameters: all of `graph.parameters` by full name, canonical layout, in the file's precision.
        metadata: what the file says of itself, such as `producer_name`.
    """

    graph: Graph
    parameters: Arrays
    metadata: Mapping[str, str] = field(default_factory=dict)
