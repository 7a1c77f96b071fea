"""Numbers on a grid of whole numbers, and back."""

import jax
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import one_line
from backproof.ops import DequantizeLinear, QuantizeLinear
from backproof.ops.quantize import Grids


def _constants(op: Grids, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """s and z as they meet x."""
    s, z = (jnp.asarray(op.shaped(values, x.ndim, op.axis), x.dtype) for values in (op.scale, op.zero_point))
    return s, z


def _quantize(op: QuantizeLinear, x: jax.Array) -> jax.Array:
    s, z = _constants(op, x)
    return jnp.clip(jnp.round(x / s) + z, *op.bounds)


def _dequantize(op: DequantizeLinear, x: jax.Array) -> jax.Array:
    s, z = _constants(op, x)
    return (x - z) * s


one_line({QuantizeLinear: _quantize, DequantizeLinear: _dequantize})
