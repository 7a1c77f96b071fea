"""Dropout."""

from jax import Array

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Dropout, Dropout2d
from backproof.ops.dropout import Dropping


@computes(Dropout)
@computes(Dropout2d)
def dropout(op: Dropping, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x of any shape -> y of the same. The mask is ours, not JAX's, so that it is the same in every engine.

    It is drawn outside and handed in: what is compiled does not change with seed and step.
    """
    (x,) = inputs
    if call.mask is None:
        return x
    return x * (call.mask.astype(x.dtype) * (1 / (1 - op.p)))
