"""The kernels that this engine computes otherwise than the NumPy engine: compiled loops, each one pass over memory."""

from backproof.engines.numba.kernels import activation, conv, norm, pool
from backproof.engines.numba.kernels.kernel import KERNELS

__all__ = ["KERNELS", "activation", "conv", "norm", "pool"]
