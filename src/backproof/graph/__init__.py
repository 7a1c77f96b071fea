"""The network as data. No engine, no files."""

from backproof.graph.builder import Builder, Sequential, Value
from backproof.graph.graph import Graph, Input, Node
from backproof.graph.initializers import INITIALIZERS, initial_parameters, initializer
from backproof.graph.op import OPERATIONS, Array, Arrays, Kind, Loss, Op, ParameterSpec, Sample, kind_of, operation
from backproof.graph.shape import BATCH, Shape, broadcast

__all__ = [
    "BATCH",
    "INITIALIZERS",
    "OPERATIONS",
    "Array",
    "Arrays",
    "Builder",
    "Graph",
    "Input",
    "Kind",
    "Loss",
    "Node",
    "Op",
    "ParameterSpec",
    "Sample",
    "Sequential",
    "Shape",
    "Value",
    "broadcast",
    "initial_parameters",
    "initializer",
    "kind_of",
    "operation",
]
