"""Truth values and whole numbers: comparing, choosing, converting."""

from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import one_line
from backproof.ops import ArgMax, Cast, Compare, IsNaN, LogicalAnd, LogicalNot, LogicalOr, Where

RELATIONS = {
    "equal": jnp.equal,
    "less": jnp.less,
    "less_or_equal": jnp.less_equal,
    "greater": jnp.greater,
    "greater_or_equal": jnp.greater_equal,
}


def arg_max(op: ArgMax, x: Array) -> Array:
    """The last is the first from behind."""
    if op.select_last_index:
        return x.shape[op.dim] - 1 - jnp.argmax(jnp.flip(x, op.dim), op.dim, keepdims=op.keepdim)
    return jnp.argmax(x, op.dim, keepdims=op.keepdim)


one_line(
    {
        ArgMax: arg_max,
        # Python's kinds stand for JAX's dtypes of as many bits as the trainer's.
        Cast: lambda op, x: x.astype({"float": float, "int": int, "bool": bool}[op.kind]),
        Compare: lambda op, a, b: RELATIONS[op.relation](a, b),
        IsNaN: lambda op, x: jnp.isnan(x),
        LogicalAnd: lambda op, a, b: a & b,
        LogicalNot: lambda op, x: ~x,
        LogicalOr: lambda op, a, b: a | b,
        Where: lambda op, c, a, b: jnp.where(c, a, b),
    }
)
