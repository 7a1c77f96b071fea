"""Functions of one value."""

import jax
from jax import lax
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import one_line
from backproof.ops import Abs, Ceil, Cos, Erf, Exp, Floor, Log, Neg, Reciprocal, Round, Sign, Sin, Sqrt

one_line(
    {
        Neg: lambda op, x: -x,
        Abs: lambda op, x: x * lax.stop_gradient(jnp.sign(x)),  # its own has the derivative 1 at 0
        Exp: lambda op, x: jnp.exp(x),
        Log: lambda op, x: jnp.log(x),
        Sqrt: lambda op, x: jnp.sqrt(x),
        Reciprocal: lambda op, x: 1 / x,
        Erf: lambda op, x: jax.scipy.special.erf(x),
        Sin: lambda op, x: jnp.sin(x),
        Cos: lambda op, x: jnp.cos(x),
        Floor: lambda op, x: jnp.floor(x),
        Ceil: lambda op, x: jnp.ceil(x),
        Round: lambda op, x: jnp.round(x),
        Sign: lambda op, x: jnp.sign(x),
    }
)
