"""The table of this engine's kernels: those of the NumPy engine, some of which the files beside this one replace."""

from collections import ChainMap

from backproof.engines.kernel import Kernels
from backproof.engines.numpy import kernels

KERNELS: Kernels = ChainMap({}, kernels.KERNELS)
