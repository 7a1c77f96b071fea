"""What may follow a layer, by name."""

import re

from backproof.errors import ModelError, unknown
from backproof.graph import OPERATIONS, Op
from backproof.graph.op import op_from_attributes
from backproof.ops.activation import AlongAxis, ElementWise


def activations() -> dict[str, type[Op]]:
    """Every element-wise operation under its class's name in small letters: LeakyReLU is `leaky_relu`."""
    words = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
    kinds = {
        name: op for name, op in OPERATIONS.items() if issubclass(op, ElementWise) and not issubclass(op, AlongAxis)
    }
    return {words.sub("_", name).lower(): op for name, op in kinds.items()}


def require_activation(name: str) -> Op:
    """The activation `name`, with its defaults. Raises `UserError` with the nearest names."""
    known = activations()
    if name not in known:
        raise unknown("activation", name, known, ModelError)
    return op_from_attributes(known[name].__name__, {})
