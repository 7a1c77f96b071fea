"""The fast kernels, one file a family of operations, forward and backward side by side."""

from backproof.engines.numpy.kernels import (
    activation,
    conv,
    dropout,
    fused,
    label_loss,
    linear,
    loss,
    merge,
    norm,
    pad,
    parameter,
    pool,
    resize,
    shape,
)
from backproof.engines.numpy.kernels.kernel import CUSTOM, KERNELS, NumpyKernel

__all__ = [
    "CUSTOM",
    "KERNELS",
    "NumpyKernel",
    "activation",
    "conv",
    "dropout",
    "fused",
    "label_loss",
    "linear",
    "loss",
    "merge",
    "norm",
    "pad",
    "parameter",
    "pool",
    "resize",
    "shape",
]
