"""Products of matrices."""

from jax import numpy as jnp

from backproof.engines.jax.kernels.table import one_line
from backproof.ops import MatMul

one_line({MatMul: lambda op, a, b: jnp.matmul(a, b)})
