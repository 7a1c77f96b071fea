"""Every operation in JAX's words: forward only, JAX differentiates. The same file names as `backproof.ops`."""

from backproof.engines.jax.kernels.table import KERNELS as KERNELS
from backproof.engines.kernel import import_kernels

import_kernels(__name__, __path__)
