"""PyTorch's functions in our words: each takes what PyTorch's takes, and gives the translation that is the same.

Where PyTorch takes an input without a batch, that is a batch of one sample here. Leading axes of `linear` are one
batch. A missing γ is 1, a missing β is 0.
"""

from functools import partial
from math import prod

import torch

from backproof.ops import (
    ELU,
    GELU,
    L1,
    MSE,
    AdaptiveAvgPool2d,
    Add,
    AvgPool2d,
    BatchNorm,
    BCEWithLogits,
    Concat,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    Flatten,
    GroupNorm,
    Hardtanh,
    Hinge,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MaxPool2d,
    Mul,
    NLLLoss,
    Pad,
    ReLU,
    ReLU6,
    Reshape,
    Resize,
    Sigmoid,
    SiLU,
    SmoothL1,
    Softmax,
    SoftmaxCrossEntropy,
    Softplus,
    Tanh,
)
from pytorch_samples.translation import Translation, UnsupportedError, given


def pair(value):
    """One number or two, as our attributes take them; nothing at all is None."""
    if not isinstance(value, list | tuple):
        return value
    return None if not value else value[0] if len(value) == 1 else tuple(value)


def with_batch(x, rank):
    """x in a batch of one, where it has one axis less than `rank`."""
    return given(x, (1, *x.shape)) if rank and x.ndim == rank - 1 else given(x)


def in_batch_of_one(x, rank):
    """x as the one sample of a batch, so that its own axes are free for use, with axes of 1 in front up to `rank`."""
    return given(x, (1,) * (1 + rank - x.ndim) + tuple(x.shape))


def some(**parameters):
    """Those that are there."""
    return {name: given(tensor) for name, tensor in parameters.items() if tensor is not None}


def element_wise(op, x, **attributes):
    attributes.pop("inplace", None)
    return Translation(op(**attributes), (given(x, x.shape or (1,)),))


def along_classes(op, x, dim, dtype=None):
    assert dtype in (None, torch.float64)
    return Translation(op(axis=1 + dim % max(x.ndim, 1)), (in_batch_of_one(x, max(x.ndim, 1)),))


def of_two(op, a, b, *, alpha=1):
    if alpha != 1:
        raise UnsupportedError("a factor alpha")
    return Translation(op(), tuple(in_batch_of_one(x, max(a.ndim, b.ndim)) for x in (a, b)))


def cat(tensors, dim=0, *, out=None):
    if out is not None:
        raise UnsupportedError("an argument out=")
    if not all(isinstance(x, torch.Tensor) for x in tensors):
        raise UnsupportedError("what is no tensor")
    rank = max((x.ndim for x in tensors), default=1)
    return Translation(Concat(1 + dim % max(rank, 1)), tuple(in_batch_of_one(x, x.ndim) for x in tensors))


def flatten(x, start_dim=0, end_dim=-1):
    assert start_dim in (0, 1)
    assert end_dim == -1
    return Translation(Flatten(), (given(x, x.shape if start_dim else (1, *x.shape)),))


def reshape(x, shape):
    return Translation(Reshape(tuple(shape)), (given(x, (1, *x.shape)),))


def linear(x, weight, bias=None):
    op = Linear(len(weight), bias=bias is not None)
    return Translation(op, (given(x, (prod(x.shape[:-1]), x.shape[-1])),), some(weight=weight, bias=bias))


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    op = Conv2d(
        len(weight),
        tuple(weight.shape[2:]),
        stride=pair(stride),
        padding=0 if padding == "valid" else pair(padding),
        dilation=pair(dilation),
        groups=groups,
        bias=bias is not None,
    )
    return Translation(op, (with_batch(x, 4),), some(weight=weight, bias=bias))


def conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    op = ConvTranspose2d(
        weight.shape[1] * groups,
        tuple(weight.shape[2:]),
        stride=pair(stride),
        padding=pair(padding),
        output_padding=pair(output_padding),
        groups=groups,
        bias=bias is not None,
        dilation=pair(dilation),
    )
    return Translation(op, (with_batch(x, 4),), some(weight=weight, bias=bias))


def batch_norm(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5, batches=None):
    op = BatchNorm(momentum=momentum if training else 0.1, eps=eps)
    x = x if x.numel() else x.reshape(0, 1)
    shape = x.shape[1:2]
    state = {"running_mean": mean, "running_var": var}
    if training and momentum is None:
        state["num_batches_tracked"] = batches
    parameters = some(
        weight=torch.ones(shape) if weight is None else weight,
        bias=torch.zeros(shape) if bias is None else bias,
        running_mean=torch.zeros(shape) if mean is None else mean,
        running_var=torch.ones(shape) if var is None else var,
        num_batches_tracked=state.get("num_batches_tracked"),
    )
    kept = {name: tensor for name, tensor in state.items() if tensor is not None}
    return Translation(op, (given(x),), parameters, training, kept if training else {})


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    op = LayerNorm(tuple(normalized_shape), eps=eps, elementwise_affine=weight is not None, bias=bias is not None)
    return Translation(op, (with_batch(x, len(normalized_shape) + 1),), some(weight=weight, bias=bias))


def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5, rank=None):
    op = GroupNorm(num_groups, eps=eps, affine=weight is not None)
    if weight is not None and bias is None:
        bias = torch.zeros_like(weight, requires_grad=False)
    return Translation(op, (with_batch(x, rank),), some(weight=weight, bias=bias))


def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    op = MaxPool2d(
        pair(kernel_size), stride=pair(stride), padding=pair(padding), dilation=pair(dilation), ceil_mode=ceil_mode
    )
    if return_indices:
        raise UnsupportedError("indices of the maxima")
    return Translation(op, (with_batch(x, 4),))


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    op = AvgPool2d(
        pair(kernel_size),
        stride=pair(stride),
        padding=pair(padding),
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )
    return Translation(op, (with_batch(x, 4),))


def adaptive_avg_pool2d(x, output_size):
    if isinstance(output_size, list | tuple):  # None is the size of the input
        output_size = tuple(
            size if given_size is None else given_size
            for given_size, size in zip(output_size, x.shape[-2:], strict=False)
        )
    return Translation(AdaptiveAvgPool2d(output_size), (with_batch(x, 4),))


def pad(x, pad, mode="constant", value=None):
    op = Pad(tuple(pad) or (0, 0), mode=mode, value=value or 0.0)
    return Translation(op, (in_batch_of_one(x, x.ndim),))


def constant_pad_nd(x, pad_by, value=0):
    return pad(x, pad_by, "constant", value)


def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
    if x.ndim != 4:
        raise UnsupportedError("images of 1 or 3 dimensions")
    if recompute_scale_factor:
        size, scale_factor = [int(n * scale_factor) for n in x.shape[2:]], None
    return Translation(Resize(pair(size), pair(scale_factor), mode, bool(align_corners)), (given(x),))


def dropout(op, x, p=0.5, training=True, inplace=False):
    op = op(p)
    x_given = given(x, x.shape or (1,)) if isinstance(op, Dropout) else with_batch(x, 4)
    kept = torch.from_numpy(op.mask(x_given.value.shape, 0, 0, "op"))

    def expression():
        """The mask is ours; what is done with it is compared."""
        return (x.reshape(x_given.value.shape) * kept / (1 - p)).reshape(x.shape)

    return Translation(op, (x_given,), training=training, expression=expression if training else None)


def of_labels(
    op,
    x,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    **smoothing,
):
    op = op(
        class_weights=None if weight is None else tuple(weight.tolist()),
        ignore_index=ignore_index if (target == ignore_index).any() or ignore_index >= 0 else None,
        reduction=reduction,
        **smoothing,
    )
    return Translation(op, (with_batch(x, 2), with_batch(target, 1 if x.ndim == 1 else 0)))


def of_elements(op, x, target, size_average=None, reduce=None, reduction="mean", **attributes):
    if x.shape != target.shape:
        raise UnsupportedError("broadcasting")
    return Translation(op(reduction=reduction, **attributes), tuple(given(t, t.shape or (1,)) for t in (x, target)))


def bce_with_logits(x, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
    if weight is not None:
        raise UnsupportedError("weights of elements")
    positive = 1.0
    if pos_weight is not None:
        if pos_weight.numel() > 1 and x.ndim != 2:
            raise UnsupportedError("along another axis than 1")
        positive = tuple(pos_weight.tolist()) if pos_weight.numel() > 1 else pos_weight.item()
    return of_elements(BCEWithLogits, x, target, reduction=reduction, pos_weight=positive)


def multi_margin(x, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    if weight is not None and reduction == "mean":
        raise UnsupportedError("a mean that class weights do not enter")
    op = Hinge(margin, p, class_weights=None if weight is None else tuple(weight.tolist()), reduction=reduction)
    if x.ndim < 2:
        return Translation(op, (given(x, (1, x.numel())), given(target, (target.numel(),))))
    return Translation(op, (given(x), given(target)))


FUNCTIONS = {
    "add": partial(of_two, Add),
    "mul": partial(of_two, Mul),
    "cat": cat,
    "flatten": flatten,
    "reshape": reshape,
    "view": reshape,
    "sigmoid": partial(element_wise, Sigmoid),
    "tanh": partial(element_wise, Tanh),
    "softmax": partial(along_classes, Softmax),
    "softmax.with_dtype": partial(along_classes, Softmax),
    "log_softmax": partial(along_classes, LogSoftmax),
    "log_softmax.with_dtype": partial(along_classes, LogSoftmax),
    "nn.functional.relu": partial(element_wise, ReLU),
    "nn.functional.leaky_relu": partial(element_wise, LeakyReLU),
    "nn.functional.gelu": partial(element_wise, GELU),
    "nn.functional.silu": partial(element_wise, SiLU),
    "nn.functional.softplus": partial(element_wise, Softplus),
    "nn.functional.elu": partial(element_wise, ELU),
    "nn.functional.hardtanh": partial(element_wise, Hardtanh),
    "nn.functional.relu6": partial(element_wise, ReLU6),
    "nn.functional.linear": linear,
    "nn.functional.conv2d": conv2d,
    "nn.functional.conv_transpose2d": conv_transpose2d,
    "nn.functional.batch_norm": batch_norm,
    "nn.functional.batch_norm.without_cudnn": batch_norm,
    "nn.functional.layer_norm": layer_norm,
    "nn.functional.group_norm": group_norm,
    "nn.functional.max_pool2d": max_pool2d,
    "nn.functional.avg_pool2d": avg_pool2d,
    "nn.functional.adaptive_avg_pool2d": adaptive_avg_pool2d,
    "nn.functional.pad.constant": pad,
    "nn.functional.pad.reflect": pad,
    "nn.functional.pad.replicate": pad,
    "nn.functional.pad.replicate_negative": pad,
    "constant_pad_nd": constant_pad_nd,
    "nn.functional.interpolate.nearest": interpolate,
    "nn.functional.interpolate.bilinear": interpolate,
    "nn.functional.upsample_nearest": interpolate,
    "nn.functional.upsample_bilinear": partial(interpolate, mode="bilinear", align_corners=True),
    "nn.functional.dropout": partial(dropout, Dropout),
    "nn.functional.dropout2d": partial(dropout, Dropout2d),
    "nn.functional.cross_entropy": partial(of_labels, SoftmaxCrossEntropy),
    "nn.functional.nll_loss": partial(of_labels, NLLLoss),
    "nn.functional.mse_loss": partial(of_elements, MSE),
    "nn.functional.l1_loss": partial(of_elements, L1),
    "nn.functional.smooth_l1_loss": partial(of_elements, SmoothL1),
    "nn.functional.binary_cross_entropy_with_logits": bce_with_logits,
    "nn.functional.multi_margin_loss": multi_margin,
}
"""Every function of op_db that is one of our operations."""
