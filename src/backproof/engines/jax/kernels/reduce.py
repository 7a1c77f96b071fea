"""One number of many, along axes."""

import jax
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import one_line
from backproof.ops import Amax, Amin, LogSumExp, Mean, Prod, Sum

one_line(
    {
        Sum: lambda op, x: jnp.sum(x, op.axes(x.ndim), keepdims=op.keepdim),
        Mean: lambda op, x: jnp.mean(x, op.axes(x.ndim), keepdims=op.keepdim),
        Amax: lambda op, x: jnp.max(x, op.axes(x.ndim), keepdims=op.keepdim),
        Amin: lambda op, x: jnp.min(x, op.axes(x.ndim), keepdims=op.keepdim),
        Prod: lambda op, x: jnp.prod(x, op.axes(x.ndim), keepdims=op.keepdim),
        LogSumExp: lambda op, x: jax.scipy.special.logsumexp(x, op.axes(x.ndim), keepdims=op.keepdim),
    }
)
