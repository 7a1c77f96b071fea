"""The kernels that this engine computes otherwise than the NumPy engine: compiled loops, each one pass over memory."""

from backproof.engines.kernel import import_kernels
from backproof.engines.numba.kernels.kernel import KERNELS as KERNELS

import_kernels(__name__, __path__)
