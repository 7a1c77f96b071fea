"""Every operation in JAX's words: forward only, JAX differentiates. The same file names as `backproof.ops`."""

from backproof.engines.jax.kernels import (
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
from backproof.engines.jax.kernels.table import KERNELS

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
