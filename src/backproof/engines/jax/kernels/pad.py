"""What is added around images, or at the ends of other axes."""

from jax import Array
from jax import numpy as jnp

from backproof.engines.jax.kernels.table import one_line
from backproof.ops import Pad


def pad(op: Pad, x: Array) -> Array:
    """What padding below 0 leaves, and around it what the mode says."""
    kept, widths = x[op.kept(x.shape)], op.added(x.ndim)
    if op.mode == "constant":
        return jnp.pad(kept, widths, constant_values=op.value)
    return jnp.pad(kept, widths, mode="edge" if op.mode == "replicate" else op.mode)


one_line({Pad: pad})
