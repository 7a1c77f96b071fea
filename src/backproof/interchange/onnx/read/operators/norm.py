"""Normalisation."""

import numpy as np

from backproof.errors import ModelError
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import Edge, Weight
from backproof.ops import Add, BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm, Mean, Mul, Reciprocal, Sqrt, Sub


@imports("BatchNormalization")
def batch_norm(call: Call) -> Edge:
    """By the running statistics. ONNX's momentum is the share of the old ones, ours that of the new batch."""
    if call["training_mode"]:
        raise ModelError("it is in training mode, which an imported network is not: export it for inference")
    if call["spatial"] == 0:
        raise ModelError("it normalises each pixel by itself (spatial=0), and not each channel")
    op = BatchNorm(momentum=round(1 - call["momentum"], 7), eps=call["epsilon"])
    locals_ = ("weight", "bias", "running_mean", "running_var")
    return call.add(op, call.edge(), weights={local: call.weight(1 + i) for i, local in enumerate(locals_)})


@imports("LayerNormalization")
def layer_norm(call: Call) -> list[Edge]:
    """Over the axes from `axis` on; mean and 1/deviation too, where the file names them."""
    x, axis = call.edge(), call.axis(call["axis"])
    shape = tuple(call.shape().fixed(i) for i in range(axis, call.rank()))
    eps = call["epsilon"]
    own = [place for place in (1, 2) if call.has(place)]
    if all(call.alone(place) and tuple(call.shape(place)) == shape for place in own):
        weights = {local: call.weight(place) for place, local in zip(own, ("weight", "bias"), strict=False)}
        y = call.add(LayerNorm(shape, eps, bias=call.has(2)), x, weights=weights)
    else:
        y = call.add(LayerNorm(shape, eps, elementwise_affine=False), x, suffix="norm")
        y = call.add(Mul(), y, call.edge(1), suffix="scaled" if call.has(2) else "")
        y = call.add(Add(), y, call.edge(2)) if call.has(2) else y
    return [y, *_statistics(call, x, axis)] if call.wanted(1) or call.wanted(2) else [y]


def _statistics(call: Call, x: Edge, axis: int) -> list[Edge]:
    """Mean and 1/deviation."""
    axes = tuple(range(axis, call.rank()))
    mean = call.add(Mean(axes, True), x, suffix="mean")
    centred = call.add(Sub(), x, mean, suffix="centred")
    variance = call.add(Mean(axes, True), call.add(Mul(), centred, centred, suffix="square"), suffix="variance")
    shifted = call.add(Add(), variance, call.constant(np.array(call["epsilon"]), "epsilon"), suffix="shifted")
    return [mean, call.add(Reciprocal(), call.add(Sqrt(), shifted, suffix="deviation"), suffix="inverse")]


def _by_channel(call: Call, groups: int) -> dict[str, Weight]:
    """Scale and shift of each channel; up to opset 20 GroupNormalization has one a group."""
    channels = call.shape().fixed(1)
    found = {}
    for place, local in ((1, "weight"), (2, "bias")):
        weight = call.weight(place)
        per_group = call.version < 21 and weight.array.shape == (groups,) and groups != channels
        array = np.repeat(weight.array, channels // groups) if per_group else weight.array
        found[local] = Weight(array, "" if per_group else weight.name)
    return found


@imports("GroupNormalization")
def group_norm(call: Call) -> Edge:
    """Over the channels of each group."""
    groups = call["num_groups"]
    return call.add(GroupNorm(groups, call["epsilon"]), call.edge(), weights=_by_channel(call, groups))


@imports("InstanceNormalization")
def instance_norm(call: Call) -> Edge:
    """Over each channel by itself: groups of one."""
    channels = call.shape().fixed(1)
    return call.add(GroupNorm(channels, call["epsilon"]), call.edge(), weights=_by_channel(call, channels))


@imports("LRN")
def lrn(call: Call) -> Edge:
    """Over neighbouring channels."""
    size = call["size"]
    op = LocalResponseNorm(size, call["alpha"], call["beta"], call["bias"], more_after=size % 2 == 0)
    return call.add(op, call.edge())
