"""Pooling."""

from collections.abc import Callable

from backproof.errors import ModelError
from backproof.graph import Op
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.operators.window import ImageWindow, one_row, window_of, without_row
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d


def _pooled(call: Call, make: Callable[[ImageWindow], Op]) -> Edge:
    """On images, and on signals, which are images of one row."""
    if call.rank() not in (3, 4):
        raise ModelError(f"it pools {call.shape()}; backproof pools images and signals")
    op, x = make(window_of(call, call["kernel_shape"]).image), call.edge()
    return call.add(op, x) if call.rank() == 4 else without_row(call, call.add(op, one_row(call, x), suffix="pool"))


def _symmetric(window: ImageWindow) -> tuple[int, int]:
    top, bottom, left, right = window.sides
    if (top, left) != (bottom, right):
        raise ModelError(f"its padding differs from end to end: {(top, left)} before and {(bottom, right)} after")
    return top, left


@imports("MaxPool")
def max_pool(call: Call) -> Edge:
    """The largest of each window."""
    ceil = bool(call["ceil_mode"])
    return _pooled(call, lambda w: MaxPool2d(w.kernel, w.stride, _symmetric(w), w.dilation, ceil_mode=ceil))


@imports("AveragePool")
def average_pool(call: Call) -> Edge:
    """The mean of each window."""
    if any(d != 1 for d in call["dilations"] or ()):
        raise ModelError("it averages over dilated windows")
    ceil, padding = bool(call["ceil_mode"]), bool(call["count_include_pad"])
    return _pooled(call, lambda w: AvgPool2d(w.kernel, w.stride, _symmetric(w), ceil, padding))


@imports("GlobalAveragePool")
def global_average_pool(call: Call) -> Edge:
    """The mean of each channel."""
    return call.add(AdaptiveAvgPool2d(1), call.edge())
