"""Derivatives by complex steps: f'(x) = Im f(x + i h) / h + O(h²), with h so small that the rest is nothing.

No difference is taken, so nothing cancels, and the derivative is right to the last digits, where finite differences
lose half of them. It needs formulas that take complex numbers; they stand here once more, whole arrays at a time, and
no engine computes with them. Where a function has a kink, the real part says on which side of it we are. Squire &
Trapp 1998; Martins et al. 2003.
"""

# ruff: noqa: ARG001, ARG005 -- one signature for all formulas, whether they need every argument or not

from collections.abc import Callable, Mapping
from itertools import product
from math import erfc, inf, pi, sqrt
from typing import Any

import numpy as np

from backproof import ops
from backproof.graph import Array, Arrays, Node, Op
from backproof.verify.core.case import Case, Results
from backproof.verify.core.location import Location

H = 1e-100

Formula = Callable[[Any, tuple[Array, ...], Arrays], Array]
"""(operation, inputs, parameters by local name) -> output, all of them complex but for class labels."""


def complex_gradients(case: Case) -> Results | None:
    """Gradients of the case's loss, by location as in `case.results`; None where an operation has no formula here."""
    if not all(type(node.op) in FORMULAS for node in case.graph.nodes):
        return None
    parameters = {name: case.parameters[name] for name, spec in case.graph.parameters.items() if spec.trainable}
    inputs = {i.name: case.inputs[i.name] for i in case.graph.inputs if i.kind == "float"}
    values = {**case.parameters, **case.inputs}

    def gradient(name: str) -> Array:
        g = np.zeros(values[name].shape)
        for i in np.ndindex(g.shape):
            moved = values[name].astype(np.complex128)
            moved[i] += 1j * H
            g[i] = _loss(case, values | {name: moved}).imag / H
        return g

    found = {Location("gradient of parameter", name): gradient(name) for name in parameters}
    return found | {Location("gradient of input", name): gradient(name) for name in inputs}


def _loss(case: Case, values: Arrays) -> complex:
    """The loss of the case's network, where some value is complex."""
    reached = dict(values)
    for node in case.graph.nodes:
        reached[node.name] = _value(node, reached, case)
    assert case.graph.loss is not None
    return complex(reached[case.graph.loss])


def _value(node: Node, reached: Arrays, case: Case) -> Array:
    inputs = tuple(reached[name] for name in node.inputs)
    p = {local: reached[node.path(local)] for local in node.parameters}
    if isinstance(node.op, ops.BatchNorm) and case.mode.training:
        del p["running_mean"], p["running_var"]
    if isinstance(node.op, ops.Dropout | ops.Dropout2d):
        p["mask"] = np.ones(()) * (1 - node.op.p)
        if case.mode.training:
            p["mask"] = node.op.mask(inputs[0].shape, case.mode.seed, case.mode.step, node.name)
    return FORMULAS[type(node.op)](node.op, inputs, p)


def _conv2d(op: ops.Conv2d, inputs: tuple[Array, ...], p: Arrays) -> Array:
    """y = b + Σ over the places (a, e) of the kernel: W[:, :, a, e] times the image shifted by it."""
    (x,), W = inputs, p["weight"]
    top, bottom, left, right = op.padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    N, channels = x.shape[:2]
    height = (x.shape[2] - op.dilation[0] * (op.kernel_size[0] - 1) - 1) // op.stride[0] + 1
    width = (x.shape[3] - op.dilation[1] * (op.kernel_size[1] - 1) - 1) // op.stride[1] + 1
    x = x.reshape(N, op.groups, channels // op.groups, *x.shape[2:])
    W = W.reshape(op.groups, -1, *W.shape[1:])
    y: Array = np.zeros(())
    for a, e in product(range(op.kernel_size[0]), range(op.kernel_size[1])):
        rows, columns = a * op.dilation[0], e * op.dilation[1]
        window = x[..., rows :: op.stride[0], columns :: op.stride[1]][..., :height, :width]
        y = y + np.einsum("ngcij,goc->ngoij", window, W[..., a, e])
    y = np.reshape(y, (N, op.out_channels, height, width))
    return y + p["bias"][:, None, None] if op.bias else y


def _normalised(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    centred = x - x.mean(axes, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axes, keepdims=True) + eps))


def _by_channel(v: Array, x: Array) -> Array:
    return v.reshape(-1, *[1] * (x.ndim - 2))


def _batch_norm(op: ops.BatchNorm, inputs: tuple[Array, ...], p: Arrays) -> Array:
    (x,) = inputs
    if "running_mean" in p:
        x = (x - _by_channel(p["running_mean"], x)) / np.sqrt(_by_channel(p["running_var"], x) + op.eps)
    else:
        x = _normalised(x, (0, *range(2, x.ndim)), op.eps)
    return _by_channel(p["weight"], x) * x + _by_channel(p["bias"], x)


def _layer_norm(op: ops.LayerNorm, inputs: tuple[Array, ...], p: Arrays) -> Array:
    (x,) = inputs
    y = _normalised(x, tuple(range(x.ndim - len(op.dimensions), x.ndim)), op.eps)
    return y * p.get("weight", 1) + p.get("bias", 0)


def _group_norm(op: ops.GroupNorm, inputs: tuple[Array, ...], p: Arrays) -> Array:
    (x,) = inputs
    y = _normalised(x.reshape(len(x), op.num_groups, -1), (2,), op.eps).reshape(x.shape)
    return y * _by_channel(p["weight"], x) + _by_channel(p["bias"], x) if op.affine else y


def _gelu(op: ops.GELU, inputs: tuple[Array, ...], p: Arrays) -> Array:
    (x,) = inputs
    if op.approximate == "tanh":
        return np.asarray(x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2)
    # Φ(a + i b) = Φ(a) + i b φ(a) + O(b²), and b² is nothing beside 1: no complex erf is needed.
    a, b = np.real(x), np.imag(x)
    normal = np.vectorize(lambda t: erfc(-t / sqrt(2)) / 2, otypes=[float])(a)
    return np.asarray(x * (normal + 1j * b * np.exp(-(a**2) / 2) / sqrt(2 * pi)))


def _log_softmax(x: Array, axis: int = 1) -> Array:
    x = x - np.real(x).max(axis, keepdims=True)
    return np.asarray(x - np.log(np.exp(x).sum(axis, keepdims=True)))


def _weighted(op: Any, terms: Array, counts: Array, inputs: tuple[Array, ...]) -> Array:
    """Σₙ sₙ lₙ / Σₙ sₙ uₙ of the `terms` of samples (N, ...) and of what they count, as `ops.loss` has it."""
    terms, counts = (np.asarray(a).reshape(len(np.atleast_1d(inputs[0])), -1).sum(1) for a in (terms, counts))
    s = inputs[2] if op.sample_weights else 1
    return np.asarray((s * terms).sum() / ((s * counts).sum() if op.reduction == "mean" else 1))


def _of_elements(op: Any, inputs: tuple[Array, ...], terms: Array) -> Array:
    return _weighted(op, terms, np.ones(terms.shape), inputs)


def _of_labels(op: Any, inputs: tuple[Array, ...], x: Array, smoothing: float) -> Array:
    """- 1/D Σ q x over the rows of classes whose labels count, as `ops.SoftmaxCrossEntropy` has it."""
    labels, C = inputs[1], x.shape[1]
    counts = labels != op.ignore_index if op.ignore_index is not None else np.ones(labels.shape, bool)
    labels = np.where(counts, labels, 0)
    w = np.ones(C) if op.class_weights is None else np.array(op.class_weights)
    q = w * ((1 - smoothing) * np.eye(C)[labels] + smoothing / C)
    return _weighted(op, -(q * np.moveaxis(x, 1, -1)).sum(-1) * counts, w[labels] * counts, inputs)


def _hinge(op: ops.Hinge, inputs: tuple[Array, ...], p: Arrays) -> Array:
    x, labels = np.moveaxis(inputs[0], 1, -1), inputs[1]
    counts = labels != op.ignore_index if op.ignore_index is not None else np.ones(labels.shape, bool)
    labels = np.where(counts, labels, 0)
    w = (np.ones(x.shape[-1]) if op.class_weights is None else np.array(op.class_weights))[labels] * counts
    lead = op.margin + x - np.take_along_axis(x, labels[..., None], -1)
    lead = _positive(lead, 0 * lead) * (np.arange(x.shape[-1]) != labels[..., None])
    return _weighted(op, w * (lead**op.p).mean(-1), w, inputs)


def _abs(x: Array) -> Array:
    return np.asarray(x * np.sign(np.real(x)))


def _smooth_l1(op: ops.SmoothL1, inputs: tuple[Array, ...], p: Arrays) -> Array:
    d = _abs(inputs[0] - inputs[1])
    return _of_elements(op, inputs, np.where(np.real(d) < op.beta, d**2 / (2 * op.beta), d - op.beta / 2))


def _bce(op: ops.BCEWithLogits, inputs: tuple[Array, ...], p: Arrays) -> Array:
    x, t = inputs[:2]
    P = _by_channel(np.array(op.pos_weight), x) if isinstance(op.pos_weight, tuple) else op.pos_weight
    softplus = _positive(-x, 0 * x) + np.log(1 + np.exp(-_positive(-x, x)))
    return _of_elements(op, inputs, (1 - t) * x + (1 + (P - 1) * t) * softplus)


def _soft_dice(op: ops.SoftDice, inputs: tuple[Array, ...], p: Arrays) -> Array:
    probability, t = (a.reshape(len(a), -1) for a in (_sigmoid(inputs[0]), inputs[1]))
    both = 2 * (probability * t).sum(1) + op.smooth
    return _of_elements(op, inputs, 1 - both / ((probability**2).sum(1) + (t**2).sum(1) + op.smooth))


def _sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), with no e of a large number."""
    small = np.exp(-_positive(x, -x))
    return np.asarray(np.where(np.real(x) > 0, 1, small) / (1 + small))


def _softplus(op: ops.Softplus, inputs: tuple[Array, ...], p: Arrays) -> Array:
    z = op.beta * inputs[0]
    positive = np.where(np.real(z) > 0, z, 0)
    smooth = positive + np.log(np.exp(-positive) + np.exp(z - positive))
    return np.where(np.real(z) > op.threshold, z, smooth) / op.beta


def _clip(op: Any, inputs: tuple[Array, ...], p: Arrays) -> Array:
    (x,), (lower, upper) = inputs, op.bounds
    return np.where(np.real(x) <= lower, lower, np.where(np.real(x) >= upper, upper, x))


def _clamp(op: Any, inputs: tuple[Array, ...], p: Arrays) -> Array:
    (x,), (lower, upper) = inputs, op.bounds
    return np.where(np.real(x) > upper, upper, np.where(np.real(x) >= lower, x, min(lower, upper)))


def _dropout(op: Any, inputs: tuple[Array, ...], p: Arrays) -> Array:
    return np.asarray(inputs[0] * p["mask"] / (1 - op.p))


def _power(op: ops.Pow, inputs: tuple[Array, ...], p: Arrays) -> Array:
    """aᵇ as exp(b log a), and 0 or 1 where a = 0; of whole b as a product of a, which may be negative."""
    a, b = np.broadcast_arrays(*inputs)
    if b.dtype.kind == "i":
        product = np.ones(a.shape, a.dtype)
        for k in range(np.max(np.abs(b), initial=0)):
            product = np.where(k < np.abs(b), product * a, product)
        return np.where(b < 0, 1 / product, product)
    whole = np.round(np.real(b))
    product = np.ones(a.shape, a.dtype)
    for k in range(int(np.max(whole, initial=0))):
        product = np.where(k < whole, product * a, product)
    return np.where(np.real(a) == 0, product, np.exp(b * np.log(np.where(np.real(a) == 0, 1, a))))


def _log_sum_exp(op: ops.LogSumExp, inputs: tuple[Array, ...], p: Arrays) -> Array:
    (x,), axes = inputs, op.axes(inputs[0].ndim)
    top = np.real(x).max(axes, keepdims=True)
    y = top + np.log(np.exp(x - top).sum(axes, keepdims=True))
    return np.asarray(y if op.keepdim else np.squeeze(y, axes))


def _larger(a: Array, b: Array) -> Array:
    """The larger one; their mean where they are equal."""
    difference = np.real(a) - np.real(b)
    return np.where(difference > 0, a, np.where(difference < 0, b, (a + b) / 2))


def _positive(x: Array, negative: Array) -> Array:
    return np.where(np.real(x) > 0, x, negative)


def _not_above_0(x: Array) -> Array:
    return np.where(np.real(x) > 0, 0, x)


FORMULAS: Mapping[type[Op], Formula] = {
    ops.Linear: lambda op, x, p: x[0] @ p["weight"].T + (p["bias"] if op.bias else 0),
    ops.Conv2d: _conv2d,
    ops.BatchNorm: _batch_norm,
    ops.LayerNorm: _layer_norm,
    ops.GroupNorm: _group_norm,
    ops.ReLU: lambda op, x, p: _positive(x[0], 0 * x[0]),
    ops.LeakyReLU: lambda op, x, p: _positive(x[0], op.negative_slope * x[0]),
    ops.ELU: lambda op, x, p: _positive(x[0], op.alpha * (np.exp(_not_above_0(x[0])) - 1)),
    ops.Sigmoid: lambda op, x, p: _sigmoid(x[0]),
    ops.Tanh: lambda op, x, p: np.tanh(x[0]),
    ops.GELU: _gelu,
    ops.SiLU: lambda op, x, p: x[0] * _sigmoid(x[0]),
    ops.Softplus: _softplus,
    ops.SELU: lambda op, x, p: op.scale * _positive(x[0], op.alpha * (np.exp(_not_above_0(x[0])) - 1)),
    ops.CELU: lambda op, x, p: _positive(x[0], op.alpha * (np.exp(_not_above_0(x[0]) / op.alpha) - 1)),
    ops.Mish: lambda op, x, p: x[0] * np.tanh(_softplus(ops.Softplus(threshold=inf), x, p)),
    ops.Softsign: lambda op, x, p: x[0] / (1 + _abs(x[0])),
    ops.Hardsigmoid: lambda op, x, p: _clip(ops.Hardtanh(0, 1), (op.alpha * x[0] + op.beta,), p),
    ops.Hardswish: lambda op, x, p: np.where(
        np.real(x[0]) <= -3, 0, np.where(np.real(x[0]) >= 3, x[0], x[0] * (x[0] + 3) / 6)
    ),
    ops.ThresholdedReLU: lambda op, x, p: np.where(np.real(x[0]) > op.alpha, x[0], 0),
    ops.Clamp: _clamp,
    ops.PReLU: lambda op, x, p: _positive(x[0], p["weight"].reshape(op.broadcast(x[0].ndim)) * x[0]),
    ops.Hardtanh: _clip,
    ops.ReLU6: _clip,
    ops.Softmax: lambda op, x, p: np.exp(_log_softmax(x[0], op.axis)),
    ops.LogSoftmax: lambda op, x, p: _log_softmax(x[0], op.axis),
    ops.Dropout: _dropout,
    ops.Dropout2d: _dropout,
    ops.Parameter: lambda op, x, p: p["weight"],
    ops.Add: lambda op, x, p: x[0] + x[1],
    ops.Neg: lambda op, x, p: -x[0],
    ops.Abs: lambda op, x, p: _abs(x[0]),
    ops.Exp: lambda op, x, p: np.exp(x[0]),
    ops.Log: lambda op, x, p: np.log(x[0]),
    ops.Sqrt: lambda op, x, p: np.sqrt(x[0]),
    ops.Reciprocal: lambda op, x, p: np.reciprocal(x[0]),
    ops.Sin: lambda op, x, p: np.sin(x[0]),
    ops.Cos: lambda op, x, p: np.cos(x[0]),
    ops.Sum: lambda op, x, p: np.asarray(x[0].sum(op.axes(x[0].ndim), keepdims=op.keepdim)),
    ops.Mean: lambda op, x, p: np.asarray(x[0].mean(op.axes(x[0].ndim), keepdims=op.keepdim)),
    ops.Prod: lambda op, x, p: np.asarray(x[0].prod(op.axes(x[0].ndim), keepdims=op.keepdim)),
    ops.LogSumExp: _log_sum_exp,
    ops.Sub: lambda op, x, p: x[0] - x[1],
    ops.Mul: lambda op, x, p: x[0] * x[1],
    ops.Div: lambda op, x, p: x[0] / x[1],
    ops.Pow: _power,
    ops.Minimum: lambda op, x, p: -_larger(-x[0], -x[1]),
    ops.Maximum: lambda op, x, p: _larger(*x),
    ops.WeightedSum: lambda op, x, p: np.asarray(sum(w * a for w, a in zip(op.weights, x, strict=True))),
    ops.Concat: lambda op, x, p: np.concatenate(x, axis=op.axis),
    ops.Flatten: lambda op, x, p: x[0].reshape(len(x[0]), -1),
    ops.Reshape: lambda op, x, p: x[0].reshape(len(x[0]), *op.shape),
    ops.Permute: lambda op, x, p: x[0].transpose(op.dims),
    ops.Slice: lambda op, x, p: x[0][op.slices(x[0].ndim)],
    ops.Expand: lambda op, x, p: x[0] + np.zeros([1 if isinstance(dim, str) or dim == -1 else dim for dim in op.shape]),
    ops.IndexSelect: lambda op, x, p: np.take(x[0], op.index, op.dim),
    ops.Take: lambda op, x, p: np.take(x[0], x[1], op.dim),
    ops.Where: lambda op, x, p: np.where(*x),
    ops.MatMul: lambda op, x, p: np.asarray(x[0] @ x[1]),
    ops.MSE: lambda op, x, p: _of_elements(op, x, (x[0] - x[1]) ** 2),
    ops.L1: lambda op, x, p: _of_elements(op, x, _abs(x[0] - x[1])),
    ops.SmoothL1: _smooth_l1,
    ops.BCEWithLogits: _bce,
    ops.SoftDice: _soft_dice,
    ops.NLLLoss: lambda op, x, p: _of_labels(op, x, x[0], 0.0),
    ops.SoftmaxCrossEntropy: lambda op, x, p: _of_labels(op, x, _log_softmax(x[0]), op.label_smoothing),
    ops.Hinge: _hinge,
}
"""What each operation computes, for complex numbers."""
