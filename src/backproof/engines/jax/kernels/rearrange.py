"""Operations that only rearrange."""

from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import Arrays, Call, computes, one_line
from backproof.ops import Expand, IndexSelect, Permute, Slice, Take, View


@computes(View)
def view(op: View, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """The batch has the size it has in this pass."""
    return inputs[0].reshape(op.bind(call.samples))


@computes(Expand)
def expand(op: Expand, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """Likewise."""
    (x,) = inputs
    return jnp.broadcast_to(x, op.bind(x.shape, call.samples))


@computes(Take)
def take(op: Take, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """The trainer has refused what is no place along the axis; where that is computed, JAX takes NaN."""
    x, indices = inputs
    return jnp.take(x, indices, axis=op.dim)


one_line(
    {
        Permute: lambda op, x: jnp.transpose(x, op.dims),
        Slice: lambda op, x: x[op.slices(x.ndim)],
        IndexSelect: lambda op, x: jnp.take(x, jnp.array(op.places(x.shape[op.dim])), axis=op.dim),
    }
)
