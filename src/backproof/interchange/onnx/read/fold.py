"""Nodes all of whose inputs are known are computed while reading: sizes from `Shape`, masks, positions.

How large a result will be is found first, and bounded: 88 bytes can ask for 2 TiB. ONNX's reference evaluator computes.
"""

from collections.abc import Callable, Sequence
from math import ceil, prod
from typing import Any

import numpy as np

from backproof.errors import ModelError
from backproof.graph import Array
from backproof.interchange.onnx.read import limits

Inputs = Sequence[Array | None]
Attributes = Callable[[str], Any]
"""The value of an attribute by name, or its default."""


def _broadcast(inputs: Inputs, attribute: Attributes) -> int:  # noqa: ARG001
    return prod(np.broadcast_shapes(*(x.shape for x in inputs if x is not None)))


def _together(inputs: Inputs, attribute: Attributes) -> int:  # noqa: ARG001
    return sum(x.size for x in inputs if x is not None)


def _product(place: int) -> Callable[[Inputs, Attributes], int]:
    """The numbers in input `place` are sizes."""
    return lambda inputs, _: prod(_whole(inputs[place]))


def _gather(inputs: Inputs, attribute: Attributes) -> int:
    data, indices = _given(inputs, 0), _given(inputs, 1)
    axis = int(attribute("axis"))
    if not -data.ndim <= axis < data.ndim:
        raise ModelError(f"axis {axis} does not fit the shape {data.shape}")
    return data.size // max(int(data.shape[axis]), 1) * indices.size


def _gather_nd(inputs: Inputs, attribute: Attributes) -> int:  # noqa: ARG001
    data, indices = _given(inputs, 0), _given(inputs, 1)
    return prod(indices.shape[:-1]) * prod(data.shape[indices.shape[-1] :])


def _expand(inputs: Inputs, attribute: Attributes) -> int:  # noqa: ARG001
    return prod(_broadcast_dims(_given(inputs, 0).shape, tuple(_whole(inputs[1]))))


def _broadcast_dims(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """As `np.broadcast_shapes`, of numbers of any size."""
    rank = max(len(a), len(b))
    padded = zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True)
    return tuple(max(pair) for pair in padded)


def _tile(inputs: Inputs, attribute: Attributes) -> int:  # noqa: ARG001
    return _given(inputs, 0).size * prod(_whole(inputs[1]))


def _range(inputs: Inputs, attribute: Attributes) -> int:  # noqa: ARG001
    start, limit, delta = (float(_given(inputs, i).reshape(-1)[0]) for i in range(3))
    if not delta or not np.all(np.isfinite([start, limit, delta])):
        raise ModelError(f"no range goes from {start} to {limit} by {delta}")
    return max(ceil((limit - start) / delta), 0)


def _pad(inputs: Inputs, attribute: Attributes) -> int:  # noqa: ARG001
    shape, pads = _given(inputs, 0).shape, _whole(inputs[1])
    return prod(size + max(a, 0) + max(b, 0) for size, a, b in zip(shape, pads, pads[len(shape) :], strict=False))


def _one_hot(inputs: Inputs, attribute: Attributes) -> int:  # noqa: ARG001
    return _given(inputs, 0).size * max(prod(_whole(inputs[1])), 1)


def _matmul(inputs: Inputs, attribute: Attributes) -> int:  # noqa: ARG001
    return _given(inputs, 0).size * int(max(_given(inputs, 1).shape[-1:] or (1,)))


def _given(inputs: Inputs, place: int) -> Array:
    array = inputs[place] if place < len(inputs) else None
    if array is None:
        raise ModelError(f"input {place} is missing")
    return array


def _whole(array: Array | None) -> list[int]:
    if array is None or array.dtype.kind not in "iu":
        raise ModelError("sizes are whole numbers")
    return [max(int(n), 0) for n in array.reshape(-1)]


BROADCAST = """
    Abs Add And BitwiseAnd BitwiseNot BitwiseOr Cast CastLike Ceil Clip Cos Div Equal Erf Exp Floor Greater
    GreaterOrEqual Identity IsInf IsNaN Less LessOrEqual Log Max Mean Min Mod Mul Neg Not Or Pow Reciprocal Relu Round
    Sigmoid Sign Sin Sqrt Sub Sum Tanh Where Xor
"""
"""Element by element."""

REARRANGED = """
    ArgMax ArgMin Concat CumSum DequantizeLinear EyeLike Flatten GatherElements NonZero ReduceMax ReduceMean ReduceMin
    ReduceProd ReduceSum Reshape ScatterElements ScatterND Shape Size Slice Softmax Split Squeeze Transpose Trilu
    Unsqueeze
"""
"""No more numbers than in all inputs together."""

SIZES: dict[str, Callable[[Inputs, Attributes], int]] = {
    **dict.fromkeys(BROADCAST.split(), _broadcast),
    **dict.fromkeys(REARRANGED.split(), _together),
    "ConstantOfShape": _product(0),
    "Expand": _expand,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "MatMul": _matmul,
    "OneHot": _one_hot,
    "Pad": _pad,
    "Range": _range,
    "Tile": _tile,
}
"""The operators that are computed while reading: how many numbers each makes at most, from its inputs."""


class Folding:
    """Computes known values, within what is left of the limits."""

    def __init__(self) -> None:
        self._left = limits.FOLDED_IN_ALL

    def compute(self, node: Any, version: int, inputs: Inputs, attribute: Attributes) -> list[Array]:
        """The outputs of `node`. Raises `ModelError` where they would be too large, or the inputs do not fit."""
        from onnx import helper
        from onnx.reference import ReferenceEvaluator

        try:
            size = SIZES[node.op_type](inputs, attribute)
        except (ValueError, IndexError, TypeError, OverflowError) as error:
            raise ModelError(f"its inputs do not fit: {_first_line(error)}") from error
        if size > min(limits.FOLDED, self._left):
            raise ModelError(
                f"it asks for an array of {size:,} numbers, and {limits.FOLDED:,} is the most, "
                f"{limits.FOLDED_IN_ALL:,} in all such arrays"
            )
        self._left -= size
        feeds = {name: x for name, x in zip(node.input, inputs, strict=False) if x is not None}
        outputs = [name for name in node.output if name]
        opset = helper.make_opsetid("", version)
        function = helper.make_function("", "folded", [*feeds], outputs, [node], [opset])  # a node alone has no opset
        try:
            with np.errstate(all="ignore"):
                results = iter(ReferenceEvaluator(function).run(None, feeds, attributes={}))
        except Exception as error:  # whatever NumPy and the evaluator raise on inputs that do not fit
            raise ModelError(f"it cannot be computed: {_first_line(error)}") from error
        return [np.asarray(next(results)) if name else np.zeros(0) for name in node.output]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")
