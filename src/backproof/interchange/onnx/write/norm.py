"""Normalisation."""

import numpy as np

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm


@writes(BatchNorm)
def batch_norm(w: Writer, op: BatchNorm, x: str) -> str:
    """Momentum is, in ONNX, the share of the statistics so far; it has no word for a plain mean over all batches."""
    operands = [x, *(w.p(local) for local in ("weight", "bias", "running_mean", "running_var"))]
    momentum = None if op.momentum is None else 1 - op.momentum
    return w("BatchNormalization", *operands, epsilon=op.eps, momentum=momentum)


@writes(LayerNorm)
def layer_norm(w: Writer, op: LayerNorm, x: str) -> str:
    scale = w.p("weight") or w.constant(np.ones(op.dimensions))
    operands = [x, scale, *filter(None, [w.p("bias")])]
    return w("LayerNormalization", *operands, axis=-len(op.dimensions), epsilon=op.eps)


@writes(GroupNorm)
def group_norm(w: Writer, op: GroupNorm, x: str) -> str:
    """From opset 21 as it is; before, each group as one channel of an instance normalisation, then γ and β.

    (The GroupNormalization of opset 18 has a γ and a β a group, not a channel.)
    """
    (shape,) = w.inputs
    channels, groups = shape.fixed(1), op.num_groups
    gamma, beta = w.p("weight"), w.p("bias")
    if w.opset >= 21:
        gamma, beta = gamma or w.constant(np.ones(channels)), beta or w.constant(np.zeros(channels))
        return w("GroupNormalization", x, gamma, beta, num_groups=groups, epsilon=op.eps)
    rows = w("Reshape", x, w.ints(0, groups, -1))
    normal = w("InstanceNormalization", rows, w.constant(np.ones(groups)), w.constant(np.zeros(groups)), epsilon=op.eps)
    y = w("Reshape", normal, w("Shape", x))
    if not gamma:
        return y
    axes = w.ints(*range(1, len(shape) - 1))
    return w("Add", w("Mul", y, w("Unsqueeze", gamma, axes)), w("Unsqueeze", beta, axes))


@writes(LocalResponseNorm)
def local_response_norm(w: Writer, op: LocalResponseNorm, x: str) -> str:
    """Runtimes refuse regions of an even size: their sums are a convolution with a band of ones."""
    if op.size % 2:
        return w("LRN", x, alpha=op.alpha, beta=op.beta, bias=op.k, size=op.size)
    (shape,) = w.inputs
    c = np.arange(shape.fixed(1))
    place = np.subtract.outer(-c, -c) + op.before
    band = np.where((place >= 0) & (place < op.size), op.alpha / op.size, 0.0)
    sums = w("Conv", w("Mul", x, x), w.constant(band.reshape(len(c), len(c), *(1,) * (len(shape) - 2))))
    return w("Div", x, w("Pow", w("Add", sums, w.constant(op.k)), w.constant(op.beta)))
