"""From one kind of numbers to another."""

from typing import Any

import numpy as np

from backproof.errors import ModelError
from backproof.graph.op import Kind
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.tensor import kind_of_element
from backproof.interchange.onnx.read.values import Edge, Given, Known, Weight
from backproof.ops import Cast

WHOLE = ("INT64", "INT32")
"""What whole numbers may be cast to: others would wrap around, where int64 does not."""


@imports("Cast")
def cast(call: Call) -> Given:
    """Floats stay what they are: the engine decides their precision."""
    from onnx import TensorProto

    element = call["to"]
    kind = kind_of_element(element)
    name = TensorProto.DataType.Name(element)
    if kind == "int" and name not in WHOLE:
        raise ModelError(f"whole numbers are int64 here, and cannot be cast to {name.lower()}")
    return _as(call, kind, np.float64 if name == "DOUBLE" else np.float32)


@imports("CastLike")
def cast_like(call: Call) -> Given:
    """To the kind of another value."""
    other = call.given(1)
    if isinstance(other, Edge):
        return _as(call, other.kind, None)
    letter = other.array.dtype.kind
    return _as(call, "float" if letter == "f" else "bool" if letter == "b" else "int", other.array.dtype)


def _as(call: Call, kind: Kind, dtype: Any) -> Given:
    given = call.given(0)
    if isinstance(given, Weight) and kind == "float":
        return Weight(given.array.astype(dtype or given.array.dtype), given.name)
    if isinstance(given, Known) and kind == "float" and given.fixed and given.array.dtype.kind == "f":
        return given
    x = call.edge()
    return x if x.kind == kind else call.add(Cast(kind), x)
