"""PyTorch's modules in our words: each takes a module and its inputs, and gives the translation that is the same."""

from functools import partial

import torch

from backproof.ops import (
    ELU,
    GELU,
    L1,
    MSE,
    GroupNorm,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    NLLLoss,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    SmoothL1,
    Softmax,
    SoftmaxCrossEntropy,
    Softplus,
    Tanh,
)
from pytorch_samples import functions
from pytorch_samples.translation import Translation, UnsupportedError, given


def element_wise(op, m, x):
    names = ("negative_slope", "alpha", "approximate", "beta", "threshold", "min_val", "max_val")
    found = {name: getattr(m, name) for name in names if hasattr(m, name) and hasattr(op, name)}
    return functions.element_wise(op, x, **found)


def linear(m, input):
    return functions.linear(input, m.weight, m.bias)


def conv2d(m, x):
    return functions.conv2d(x, m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups)


def conv_transpose2d(m, x):
    return functions.conv_transpose2d(x, m.weight, m.bias, m.stride, m.padding, m.output_padding, m.groups, m.dilation)


def batch_norm(m, x):
    training = m.training or m.running_mean is None
    return functions.batch_norm(
        x, m.running_mean, m.running_var, m.weight, m.bias, training, m.momentum, m.eps, m.num_batches_tracked
    )


def instance_norm(m, x):
    """Groups of one channel."""
    if m.track_running_stats:
        raise UnsupportedError("running statistics of instances")
    return functions.group_norm(x, m.num_features, m.weight, m.bias, m.eps, rank=m._get_no_batch_dim() + 1)


def softmax2d(m, x):
    return Translation(Softmax(), (functions.with_batch(x, 4),))


def max_pool2d(m, x):
    return functions.max_pool2d(x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices)


def avg_pool2d(m, x):
    return functions.avg_pool2d(
        x, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override
    )


def pad(mode, m, x):
    return functions.pad(x, m.padding, mode, getattr(m, "value", None))


def of_labels(op, m, x, target):
    smoothing = {"label_smoothing": m.label_smoothing} if hasattr(m, "label_smoothing") else {}
    return functions.of_labels(op, x, target, m.weight, ignore_index=m.ignore_index, reduction=m.reduction, **smoothing)


def of_elements(op, m, x, target, **attributes):
    return functions.of_elements(op, x, target, reduction=m.reduction, **attributes)


def bce_with_logits(m, x, target):
    return functions.bce_with_logits(x, target, m.weight, reduction=m.reduction, pos_weight=m.pos_weight)


def multi_margin(m, x, target):
    return functions.multi_margin(x, target, m.p, m.margin, m.weight, reduction=m.reduction)


MODULES = {
    "nn.ReLU": partial(element_wise, ReLU),
    "nn.LeakyReLU": partial(element_wise, LeakyReLU),
    "nn.Sigmoid": partial(element_wise, Sigmoid),
    "nn.Tanh": partial(element_wise, Tanh),
    "nn.GELU": partial(element_wise, GELU),
    "nn.SiLU": partial(element_wise, SiLU),
    "nn.Softplus": partial(element_wise, Softplus),
    "nn.ELU": partial(element_wise, ELU),
    "nn.Hardtanh": partial(element_wise, Hardtanh),
    "nn.ReLU6": partial(element_wise, ReLU6),
    "nn.Softmax": lambda m, x: functions.along_classes(Softmax, x, m.dim),
    "nn.Softmax2d": softmax2d,
    "nn.LogSoftmax": lambda m, x: functions.along_classes(LogSoftmax, x, m.dim),
    "nn.Linear": linear,
    "nn.Conv2d": conv2d,
    "nn.ConvTranspose2d": conv_transpose2d,
    "nn.BatchNorm1d": batch_norm,
    "nn.BatchNorm2d": batch_norm,
    "nn.BatchNorm3d": batch_norm,
    "nn.LayerNorm": lambda m, x: functions.layer_norm(x, m.normalized_shape, m.weight, m.bias, m.eps),
    "nn.GroupNorm": lambda m, x: functions.group_norm(x, m.num_groups, m.weight, m.bias, m.eps),
    "nn.InstanceNorm1d": instance_norm,
    "nn.InstanceNorm2d": instance_norm,
    "nn.MaxPool2d": max_pool2d,
    "nn.AvgPool2d": avg_pool2d,
    "nn.AdaptiveAvgPool2d": lambda m, x: functions.adaptive_avg_pool2d(x, m.output_size),
    "nn.ZeroPad2d": partial(pad, "constant"),
    "nn.ConstantPad2d": partial(pad, "constant"),
    "nn.ReflectionPad2d": partial(pad, "reflect"),
    "nn.ReplicationPad2d": partial(pad, "replicate"),
    "nn.CrossEntropyLoss": partial(of_labels, SoftmaxCrossEntropy),
    "nn.NLLLoss": partial(of_labels, NLLLoss),
    "nn.MSELoss": partial(of_elements, MSE),
    "nn.L1Loss": partial(of_elements, L1),
    "nn.SmoothL1Loss": lambda m, x, target: of_elements(SmoothL1, m, x, target, beta=m.beta),
    "nn.BCEWithLogitsLoss": bce_with_logits,
    "nn.MultiMarginLoss": multi_margin,
}
"""Every module of module_db that is one of our operations."""

CONSTRUCTED = {
    "nn.GroupNorm": lambda groups, channels: Translation(GroupNorm(groups), (given(torch.ones(2, channels)),)),
}
"""What a module that PyTorch refuses to make would be here."""
