"""Random rounding in place of a proof of what rounding may do: Monte Carlo arithmetic (Parker 1997)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.engines import DType, Engine
from backproof.engines.kernel import Call, Kernel, Saved, Slopes
from backproof.engines.reference import Reference
from backproof.graph import Array, Arrays, Graph, Op
from backproof.ops import BatchNorm, GroupNorm, LayerNorm, SoftmaxCrossEntropy
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
        name: np.asarray(a * (1 + size * rng.standard_normal(a.shape)))
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
        name: np.asarray(
            rng.standard_normal(y.shape)
            * (y != 0)
            * (EPSILON[dtype] / 2 * np.sqrt(terms[name]) * np.sqrt(np.mean(np.square(y), dtype=np.float64)))
        )
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


def with_rounded_norms(engine: Engine, dtype: DType, rng: np.random.Generator) -> Engine:
    """The reference engine, in the form that it is given in, but backward through normalisations is rounded in `dtype`.

    dx = (d - mean d - x̂ mean(d x̂)) / s cancels where few values are normalised: of two samples nothing is left but
    what ε makes of them, a hundred-thousandth. An engine is off by a rounding of d / s, however small dx, and no
    perturbation of what goes in shows that. Any other engine is returned as it is.
    """
    if not isinstance(engine, Reference):
        return engine
    right = engine.trainer
    kernels: dict[type[Op], Kernel[Any, Any]] = dict(right.kernels)
    kernels.update({op: RoundedNorm(kernels[op], EPSILON[dtype], rng) for op in (BatchNorm, GroupNorm, LayerNorm)})
    trainer = type(right.__name__, (right,), {"kernels": kernels})
    found: Engine = type(type(engine).__name__, (type(engine),), {"trainer": trainer})()
    return found


class RoundedNorm(Kernel[Any, Call]):
    """A normalisation whose dx is off by about two roundings of what cancels in it: it is a sum of three terms."""

    def __init__(self, right: Kernel[Any, Any], epsilon: float, rng: np.random.Generator) -> None:
        self.right, self.epsilon, self.rng = right, epsilon, rng

    def forward(self, op: Any, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        y, saved = self.right.forward(op, inputs, p, call)
        return y, (inputs[0], saved)

    def backward(self, op: Any, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        x, saved = saved
        (dx,) = self.right.backward(op, dy, saved, p, g, call)
        if dx is None or (isinstance(op, BatchNorm) and not call.mode.training):
            return (dx,)
        gamma = p.get("weight", np.ones(()))
        if not isinstance(op, LayerNorm) and gamma.ndim:
            gamma = gamma.reshape(-1, *[1] * (x.ndim - 2))
        d, values = _parts(op, dy * gamma), _parts(op, x)
        size = np.sqrt(np.mean(np.square(d), 1) / (np.var(values, 1) + op.eps))
        noise = 2 * self.epsilon * self.rng.standard_normal(d.shape) * size[:, np.newaxis]
        if isinstance(op, BatchNorm):
            noise = np.moveaxis(noise.reshape(x.shape[1], len(x), *x.shape[2:]), 0, 1)
        return (dx + noise.reshape(x.shape),)


def _parts(op: BatchNorm | GroupNorm | LayerNorm, x: Array) -> Array:
    """(parts, values): what is normalised together stands in one row."""
    if isinstance(op, BatchNorm):
        return np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    return x.reshape(-1, x[0].size // op.num_groups if isinstance(op, GroupNorm) else int(np.prod(op.dimensions)))
