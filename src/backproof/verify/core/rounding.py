"""Random rounding in place of a proof of what rounding may do: Monte Carlo arithmetic (Parker 1997)."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from backproof.engines import DType
from backproof.graph import Array, Arrays, Graph
from backproof.ops import SoftmaxCrossEntropy
from backproof.verify.core.tolerances import EPSILON


def rounded(arrays: Arrays, dtype: DType) -> dict[str, Array]:
    """All floats rounded to `dtype`, as float64, so that engine and reference are given the same numbers."""
    return {name: a.astype(dtype).astype(np.float64) if a.dtype.kind == "f" else a.copy() for name, a in arrays.items()}


def perturbed(
    arrays: Arrays, dtype: DType, rng: np.random.Generator, *, roundings: float = 1.0, whole: bool = True
) -> dict[str, Array]:
    """Every float off by about so many rounding errors of `dtype`; integers, such as class labels, as they are.

    Without `whole`, arrays of nothing but whole numbers stay too: these are exact in every dtype, and what is equal or
    on a kink stays so.
    """
    size = roundings * EPSILON[dtype]
    return {
        name: a * (1 + size * rng.standard_normal(a.shape))
        if a.dtype.kind == "f" and (whole or not np.array_equal(a, np.round(a)))
        else a
        for name, a in arrays.items()
    }


def rounding_noise(
    values: Arrays, terms: Mapping[str, int], dtype: DType, rng: np.random.Generator
) -> dict[str, Array]:
    """What rounding may add to the output of every node: random, of the size of a sum of so many `terms`.

    An exact 0, as behind a ReLU, stays: it is no rounded number, and pooling decides ties by it.
    """
    return {
        name: rng.standard_normal(y.shape)
        * (y != 0)
        * (EPSILON[dtype] / 2 * np.sqrt(terms[name]) * np.sqrt(np.mean(np.square(y), dtype=np.float64)))
        for name, y in values.items()
        if name in terms
    }


def with_rounded_loss(graph: Graph, dtype: DType) -> Graph:
    """The same network, but what its loss sends back is off by one rounding of 1.

    The gradient of cross-entropy is softmax - target. Of a sample that the network is sure of, both are nearly 1 and
    cancel: an engine that subtracts them is off by a rounding of 1, however small the gradient, and no perturbation of
    weights shows that. A label smoothing of that size does.
    """
    if graph.loss is None or not isinstance(op := graph.node[graph.loss].op, SoftmaxCrossEntropy):
        return graph
    s, epsilon = op.label_smoothing, EPSILON[dtype]
    rounded = replace(graph.node[graph.loss], op=replace(op, label_smoothing=s + (epsilon if s < 0.5 else -epsilon)))
    return replace(graph, nodes=tuple(rounded if node.name == graph.loss else node for node in graph.nodes))
