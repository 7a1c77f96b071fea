"""Operations that only rearrange."""

from jax import Array

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Flatten, Reshape


@computes(Flatten)
def flatten(op: Flatten, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, ...) -> y (N, elements)."""
    (x,) = inputs
    return x.reshape(x.shape[0], -1)


@computes(Reshape)
def reshape(op: Reshape, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, ...) -> y (N, *op.shape)."""
    (x,) = inputs
    return x.reshape(x.shape[0], *op.shape)
