"""Pooling: of images, signals and volumes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from backproof.errors import ModelError
from backproof.graph import Op
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.operators.rearrange import joined
from backproof.interchange.onnx.read.operators.window import ImageWindow, Window, one_row, window_of, without_row
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import Abs, AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d, Pow, View

Pooling = Callable[[ImageWindow], Op]


def _pooled(call: Call, make: Pooling, x: Edge, suffix: str = "") -> Edge:
    """On images, and on signals and volumes, which are looked at as images."""
    window = window_of(call, call["kernel_shape"])
    if call.rank() == 4:
        return call.add(make(window.image), x, suffix=suffix)
    if call.rank() == 3:
        return without_row(call, call.add(make(window.image), one_row(call, x), suffix="pool"), suffix)
    if call.rank() == 5:
        return _volume(call, make, x, window, suffix)
    raise ModelError(f"it pools {call.shape()}; backproof pools signals, images and volumes")


def _volume(call: Call, make: Pooling, x: Edge, window: Window, suffix: str) -> Edge:
    """Height and width first, then depth with all pixels of a slice as one row."""
    n, channels, depth, height, width = x.shape
    fields = {name: getattr(window, name) for name in ("kernel", "strides", "dilations", "before", "after")}
    slices = call.add(View((n, joined((channels, depth)), height, width)), x, suffix="slices")
    flat = replace(window, **{name: value[1:] for name, value in fields.items()})
    pooled = call.add(make(flat.image), slices, suffix="slice")
    height, width = pooled.shape[2:]
    columns = call.add(View((n, channels, depth, joined((height, width)))), pooled, suffix="columns")
    deep = {name: (value[0], int(name in ("kernel", "strides", "dilations"))) for name, value in fields.items()}
    deepened = call.add(make(Window(**deep).image), columns, suffix="depth")
    return call.add(View((n, channels, deepened.shape[2], height, width)), deepened, suffix=suffix)


def _padding(window: ImageWindow) -> tuple[int, ...]:
    """As PyTorch has it where that does, else (top, bottom, left, right)."""
    top, bottom, left, right = window.sides
    alike = (top, left) == (bottom, right) and 2 * top <= window.kernel[0] and 2 * left <= window.kernel[1]
    return (top, left) if alike else window.sides


@imports("MaxPool")
def max_pool(call: Call) -> Edge:
    """The largest of each window."""
    ceil = bool(call["ceil_mode"])
    return _pooled(call, lambda w: MaxPool2d(w.kernel, w.stride, _padding(w), w.dilation, ceil), call.edge())


@imports("AveragePool")
def average_pool(call: Call) -> Edge:
    """The mean of each window."""
    ceil, include = bool(call["ceil_mode"]), bool(call["count_include_pad"])

    def mean(w: ImageWindow) -> Op:
        return AvgPool2d(w.kernel, w.stride, _padding(w), ceil, include, dilation=w.dilation)

    return _pooled(call, mean, call.edge())


@imports("LpPool")
def lp_pool(call: Call) -> Edge:
    """(Σ |x|ᵖ)^(1/p) over each window: a sum is an average whose divisor is 1."""
    p, ceil = float(call["p"]), bool(call["ceil_mode"])
    powers = call.add(Pow(), call.add(Abs(), call.edge(), suffix="abs"), call.constant(np.array(p), "p"), suffix="pow")

    def summed(w: ImageWindow) -> Op:
        return AvgPool2d(w.kernel, w.stride, _padding(w), ceil, divisor_override=1, dilation=w.dilation)

    sums = _pooled(call, summed, powers, "sum")
    return call.add(Pow(), sums, call.constant(np.array(1 / p), "root"))


def _over_all(call: Call, op: Op) -> Edge:
    """All pixels of a channel at once, whatever their arrangement."""
    x = call.edge()
    n, channels, *sizes = x.shape
    if len(sizes) == 2:
        return call.add(op, x)
    row = call.add(View((n, channels, 1, joined(sizes))), x, suffix="row")
    return call.add(View((n, channels, *(1 for _ in sizes))), call.add(op, row, suffix="pool"))


@imports("GlobalAveragePool")
def global_average_pool(call: Call) -> Edge:
    """The mean of each channel."""
    return _over_all(call, AdaptiveAvgPool2d(1))


@imports("GlobalMaxPool")
def global_max_pool(call: Call) -> Edge:
    """The largest of each channel."""
    return _over_all(call, AdaptiveMaxPool2d(1))
