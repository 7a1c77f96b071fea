"""Preprocessing as nodes of ONNX in front of a network, so that a file takes pixels as they are in pictures.

One function a step, the same formulas as in `backproof.data.preprocessing`. An image is (N, C, H, W) here.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from backproof.data.preprocessing import (
    BRIGHTNESS,
    AdaptiveInvert,
    CenterCrop,
    DivideByMax,
    Grayscale,
    MinMax,
    Normalize,
    PlainResize,
    Resize,
    ResizeShorter,
    Standardize,
    Step,
)
from backproof.errors import ModelError
from backproof.graph import Input
from backproof.interchange.onnx.write.table import Names, Nodes

PIXELS = "pixels"
"""The input of the file: bytes, (N, H, W, C), as programs that read pictures hold them."""

PREFIX = "preprocessing"
"""What the names of all these nodes begin with."""

SAMPLE = (1, 2, 3)
"""The axes of one image."""


def preprocessing_nodes(
    steps: Sequence[Step], shape: tuple[int, ...], x: Input, names: Names, opset: int, dtype: str
) -> tuple[ValueInfoProto, list[NodeProto]]:
    """The input of bytes, and the nodes that lead from it to the value `x`, which the network takes.

    `shape` is (C, H, W) of an image after all steps; before them H and W are open where a step makes them equal.
    Raises `UserError` for a step that cannot be written so.
    """
    missing = [type(step).__name__ for step in steps if type(step) not in STEPS]
    if missing:
        raise ModelError(
            f"the step {missing[0]} depends on what is in an image, and makes sizes that differ in a batch: it cannot "
            f"be written as nodes; export without preprocessing"
        )
    channels, height, width = shape
    if any(isinstance(step, Grayscale) for step in steps):
        channels = 3
    sizes = ("H", "W") if any(isinstance(s, Resize | ResizeShorter | CenterCrop) for s in steps) else (height, width)
    w = Nodes(PREFIX, opset, dtype, names)
    pixels = names.unique(PIXELS)
    value = w("Transpose", w("Cast", pixels, to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    value = w("Div", value, w.constant(255, "float32"))
    for step in steps:
        value = STEPS[type(step)](w, step, value, shape[0])
    if len(x.shape) == 2:
        value = w("Flatten", value, axis=1)
    value = w("Cast", value, to=TensorProto.DOUBLE) if dtype == "float64" else w("Identity", value)
    w.written[-1].output[0] = x.name
    taken = helper.make_tensor_value_info(pixels, TensorProto.UINT8, [x.shape[0], *sizes, channels])
    return taken, w.written


def grayscale(w: Nodes, step: Grayscale, x: str, channels: int) -> str:
    weights = w.constant(BRIGHTNESS.reshape(1, 3, 1, 1), "float32")
    return w("ReduceSum", w("Mul", x, weights), w.ints(1), keepdims=1)


def min_max(w: Nodes, step: MinMax, x: str, channels: int) -> str:
    least, greatest = (w(f"Reduce{which}", x, w.ints(*SAMPLE), keepdims=1) for which in ("Min", "Max"))
    spread = w("Sub", greatest, least)
    unit = w("Div", w("Sub", x, least), spread)
    stretched = w("Add", w("Mul", unit, number(w, step.high - step.low)), number(w, step.low))
    even = w("Equal", spread, number(w, 0))
    return w("Where", even, number(w, (step.low + step.high) / 2), stretched)


def adaptive_invert(w: Nodes, step: AdaptiveInvert, x: str, channels: int) -> str:
    corner = w("Slice", x, w.ints(0, 0), w.ints(1, 1), w.ints(2, 3))
    if channels == 3:
        brightness = grayscale(w, Grayscale(), corner, channels)
    else:
        brightness = w("ReduceMean", corner, w.ints(1), keepdims=1)
    inverted = w("Sub", number(w, step.low + step.high), x)
    return w("Where", w("Less", brightness, number(w, (step.low + step.high) / 2)), inverted, x)


def resize(w: Nodes, step: Resize, x: str, channels: int) -> str:
    return resized(w, x, w.ints(step.height, step.width))


def plain_resize(w: Nodes, step: PlainResize, x: str, channels: int) -> str:
    return w("Resize", x, "", "", w.ints(step.height, step.width), axes=[2, 3], mode="linear")


def resize_shorter(w: Nodes, step: ResizeShorter, x: str, channels: int) -> str:
    size = w("Shape", x, start=2, end=4)
    shorter = w("ReduceMin", size, w.ints(0))
    return resized(w, x, w("Div", w("Mul", size, w.ints(step.side)), shorter))


def resized(w: Nodes, x: str, size: str) -> str:
    """Bilinear; when shrinking every pixel counts. At the border, as Pillow, by the pixels that there are."""
    return w("Resize", x, "", "", size, axes=[2, 3], mode="linear", antialias=1, exclude_outside=1)


def center_crop(w: Nodes, step: CenterCrop, x: str, channels: int) -> str:
    """From the middle, half of an odd number rounded to the even one."""
    size = w.ints(step.height, step.width)
    room = w("Cast", w("Sub", w("Shape", x, start=2, end=4), size), to=TensorProto.FLOAT)
    start = w("Cast", w("Round", w("Mul", room, number(w, 0.5))), to=TensorProto.INT64)
    return w("Slice", x, start, w("Add", start, size), w.ints(2, 3))


def divide_by_max(w: Nodes, step: DivideByMax, x: str, channels: int) -> str:
    greatest = w("ReduceMax", x, w.ints(*SAMPLE), keepdims=1)
    return w("Where", w("Greater", greatest, number(w, 0)), w("Div", x, greatest), x)


def standardize(w: Nodes, step: Standardize, x: str, channels: int) -> str:
    """Of an even image, whose mean is rounded, 0."""
    moved = w("Sub", x, w("ReduceMean", x, w.ints(*SAMPLE), keepdims=1))
    variance = w("ReduceMean", w("Mul", moved, moved), w.ints(*SAMPLE), keepdims=1)
    least, greatest = (w(f"Reduce{which}", x, w.ints(*SAMPLE), keepdims=1) for which in ("Min", "Max"))
    return w("Where", w("Equal", least, greatest), number(w, 0), w("Div", moved, w("Sqrt", variance)))


def normalize(w: Nodes, step: Normalize, x: str, channels: int) -> str:
    mean, std = (w.constant(np.reshape(values, (1, -1, 1, 1)), "float32") for values in (step.mean, step.std))
    return w("Div", w("Sub", x, mean), std)


def number(w: Nodes, value: float) -> str:
    """In float32, in which images are preprocessed."""
    return w.constant(value, "float32")


STEPS: dict[type, Callable[[Nodes, Any, str, int], str]] = {
    Grayscale: grayscale,
    MinMax: min_max,
    AdaptiveInvert: adaptive_invert,
    Resize: resize,
    PlainResize: plain_resize,
    ResizeShorter: resize_shorter,
    CenterCrop: center_crop,
    DivideByMax: divide_by_max,
    Standardize: standardize,
    Normalize: normalize,
}
