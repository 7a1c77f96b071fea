"""Every operation in plain loops: one file a family, with the same names as in `backproof.ops`."""

from backproof.engines.reference.kernels import (
    activation,
    conv,
    dropout,
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
from backproof.engines.reference.kernels.table import KERNELS

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
    "parameter",
    "pool",
    "resize",
    "shape",
]
