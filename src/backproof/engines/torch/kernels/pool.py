"""Pooling."""

from torch.nn import functional

from backproof.engines.torch.kernels.table import one_line
from backproof.ops import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

one_line(
    {
        MaxPool2d: lambda op, x: functional.max_pool2d(
            x, op.kernel_size, op.stride, op.padding, op.dilation, op.ceil_mode
        ),
        AvgPool2d: lambda op, x: functional.avg_pool2d(
            x, op.kernel_size, op.stride, op.padding, op.ceil_mode, op.count_include_pad, op.divisor_override
        ),
        AdaptiveAvgPool2d: lambda op, x: functional.adaptive_avg_pool2d(x, op.output_size),
    }
)
