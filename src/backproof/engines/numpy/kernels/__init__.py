"""The fast kernels, one file a family of operations, forward and backward side by side."""

from backproof.engines.numpy.kernels import activation, dropout, linear, loss, merge, norm, shape
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel

__all__ = ["KERNELS", "NumpyKernel", "activation", "dropout", "linear", "loss", "merge", "norm", "shape"]
