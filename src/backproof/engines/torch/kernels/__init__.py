"""Every operation in PyTorch's words: forward only, autograd does the rest. The same file names as `backproof.ops`."""

from backproof.engines.torch.kernels import (
    activation,
    conv,
    dropout,
    label_loss,
    linear,
    loss,
    merge,
    norm,
    pad,
    pool,
    resize,
    shape,
)
from backproof.engines.torch.kernels.table import KERNELS

__all__ = [
    "KERNELS",
    "activation",
    "conv",
    "dropout",
    "label_loss",
    "linear",
    "loss",
    "merge",
    "norm",
    "pad",
    "pool",
    "resize",
    "shape",
]
