"""Pooling."""

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d


@computes(MaxPool2d)
def max_pool2d(op: MaxPool2d, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, H, W) -> y (N, C, H', W')."""
    (x,) = inputs
    return functional.max_pool2d(x, op.kernel_size, op.stride, op.padding, op.dilation, op.ceil_mode)


@computes(AvgPool2d)
def avg_pool2d(op: AvgPool2d, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, H, W) -> y (N, C, H', W')."""
    (x,) = inputs
    return functional.avg_pool2d(
        x, op.kernel_size, op.stride, op.padding, op.ceil_mode, op.count_include_pad, op.divisor_override
    )


@computes(AdaptiveAvgPool2d)
def adaptive_avg_pool2d(op: AdaptiveAvgPool2d, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, H, W) -> y (N, C, H', W')."""
    (x,) = inputs
    return functional.adaptive_avg_pool2d(x, op.output_size)
