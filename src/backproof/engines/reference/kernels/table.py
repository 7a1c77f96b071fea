"""The table that the kernels enter themselves into."""

from backproof.engines.kernel import Kernels

KERNELS: Kernels = {}
