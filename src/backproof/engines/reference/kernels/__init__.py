"""Every operation in plain loops: one file a family, with the same names as in `backproof.ops`."""

from backproof.engines.reference.kernels import activation, dropout, linear, loss, merge, norm, shape
from backproof.engines.reference.kernels.table import KERNELS

__all__ = ["KERNELS", "activation", "dropout", "linear", "loss", "merge", "norm", "shape"]
