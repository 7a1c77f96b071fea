"""Weights that stand by themselves."""

from jax import Array

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Parameter


@computes(Parameter)
def parameter(op: Parameter, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """The weight itself."""
    return p["weight"] if op.kind == "float" else p["weight"].astype(int if op.kind == "int" else bool)
