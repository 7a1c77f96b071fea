"""Numbers on a grid of whole numbers, which stay floats here; scales and zero points are known."""

from typing import Any

import numpy as np

from backproof.errors import ModelError
from backproof.graph.op import Array
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import Cast, DequantizeLinear, QuantizeLinear


def _grid_of(call: Call) -> str:
    """The whole numbers that the output may be: those of the zero point's type, or of `output_dtype`."""
    from onnx import TensorProto

    if call["output_dtype"]:
        return str(TensorProto.DataType.Name(call["output_dtype"])).lower()
    return str(call.known(2).array.dtype.name) if call.has(2) else "uint8"


def _number(array: Array) -> Any:
    """One number, or one a place along the axis."""
    if array.ndim > 1:
        raise ModelError("its scale has more than one axis (blocks), and one a channel is the most that is imported")
    numbers = array.reshape(-1).tolist()
    return numbers[0] if array.ndim == 0 or len(numbers) == 1 else tuple(numbers)


def _scale_and_zero(call: Call) -> tuple[Any, Any, int]:
    if call["block_size"]:
        raise ModelError("it has scales of blocks, and one a channel is the most that is imported")
    scale = _number(call.weight(1).array)
    zero = _number(call.known(2).array.astype(np.int64)) if call.has(2) else 0
    axis = 1 if call["axis"] is None else call["axis"]
    return scale, zero, call.axis(axis) if isinstance(scale, tuple) else 1


@imports("QuantizeLinear")
def quantize(call: Call) -> Edge:
    """To the nearest number of the grid."""
    scale, zero, axis = _scale_and_zero(call)
    return call.add(QuantizeLinear(scale, zero, _grid_of(call), axis), call.edge())  # type: ignore[arg-type]


@imports("DequantizeLinear")
def dequantize(call: Call) -> Edge:
    """And back."""
    scale, zero, axis = _scale_and_zero(call)
    x = call.edge()
    x = call.add(Cast("float"), x, suffix="float") if x.kind == "int" else x
    return call.add(DequantizeLinear(scale, zero, axis), x)
