"""Pooling. Padding is written out on all four sides, so that windows are as many as ours are: runtimes do not agree on
where the last one of `ceil_mode` may begin.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d


@writes(MaxPool2d)
def max_pool(w: Writer, op: MaxPool2d, x: str) -> str:
    end = [max(p, _reach(w, op, axis)) for axis, p in enumerate(op.sides[1::2])]
    pads = [*op.sides[::2], *end]
    if _too_large(op, pads):
        x, pads = w("Pad", x, w.ints(0, 0, *pads[:2], 0, 0, *pads[2:]), w.constant(-np.inf)), [0] * 4
    return w(
        "MaxPool",
        x,
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=pads,
        dilations=op.dilation,
    )


@writes(AvgPool2d)
def avg_pool(w: Writer, op: AvgPool2d, x: str) -> str:
    """Where the divisor is not what ONNX divides by: the mean over all of each window, times what makes up for it."""
    overhang = [max(0, _reach(w, op, axis) - p) for axis, p in enumerate(op.sides[1::2])]
    end = [p + more for p, more in zip(op.sides[1::2], overhang, strict=True)]
    window: dict[str, Any] = {"kernel_shape": op.kernel_size, "strides": op.stride}
    if op.dilation != (1, 1):
        window["dilations"] = op.dilation
    plain = op.divisor_override is None and not (op.count_include_pad and any(overhang))
    large = _too_large(op, [*op.sides[::2], *end]) or ("dilations" in window and w.opset < 19)
    if plain and not large:
        include = int(op.count_include_pad)
        return w("AveragePool", x, **window, pads=[*op.sides[::2], *end], count_include_pad=include)
    rows, columns = (_counts(w, op, axis) for axis in (0, 1))
    divisor = np.outer(rows, columns) if op.divisor_override is None else op.divisor_override
    if large:  # sums by products: ONNX Runtime takes a Pad into the pooling, and opset 18 has no dilation
        down, across = (_seen(w, op, axis) for axis in (0, 1))
        return w("Mul", w("MatMul", w("MatMul", w.constant(down), x), w.constant(across.T)), w.constant(1 / divisor))
    around = [0, 0, *op.sides[::2], 0, 0, *end]
    padded = w("Pad", x, w.ints(*around), w.constant(0)) if any(around) else x
    factor = np.prod(op.kernel_size) / divisor
    return w("Mul", w("AveragePool", padded, **window), w.constant(factor))


@writes(AdaptiveAvgPool2d)
def adaptive_avg_pool(w: Writer, op: AdaptiveAvgPool2d, x: str) -> str:
    """Windows of unequal sizes are a product with their weights from both sides."""
    sizes = [w.inputs[0].fixed(axis) for axis in (2, 3)]
    if op.output_size == (1, 1):
        return w("GlobalAveragePool", x)
    if not any(size % out for size, out in zip(sizes, op.output_size, strict=True)):
        kernel = [size // out for size, out in zip(sizes, op.output_size, strict=True)]
        return w("AveragePool", x, kernel_shape=kernel, strides=kernel)
    rows, columns = (_means(op, size, out) for size, out in zip(sizes, op.output_size, strict=True))
    return w("MatMul", w("MatMul", w.constant(rows), x), w.constant(columns.T))


@writes(AdaptiveMaxPool2d)
def adaptive_max_pool(w: Writer, op: AdaptiveMaxPool2d, x: str) -> str:
    """Windows of unequal sizes one by one, cut out."""
    sizes = [int(dim) for dim in w.inputs[0][2:]]
    if op.output_size == (1, 1):
        return w("GlobalMaxPool", x)
    if not any(size % out for size, out in zip(sizes, op.output_size, strict=True)):
        kernel = [size // out for size, out in zip(sizes, op.output_size, strict=True)]
        return w("MaxPool", x, kernel_shape=kernel, strides=kernel)
    for axis, (size, out) in enumerate(zip(sizes, op.output_size, strict=True), start=2):
        windows = [op.window(i, size, out) for i in range(out)]
        cut = (w("Slice", x, w.ints(start), w.ints(end), w.ints(axis)) for start, end in windows)
        maxima = [
            w("ReduceMax", part, w.ints(axis)) if w.opset >= 18 else w("ReduceMax", part, axes=[axis]) for part in cut
        ]
        x = w("Concat", *maxima, axis=axis)
    return x


def _reach(w: Writer, op: MaxPool2d | AvgPool2d, axis: int) -> int:
    """How far beyond the image's end the last window goes."""
    size, count = w.inputs[0].fixed(2 + axis), w.node.shape.fixed(2 + axis)
    span = op.dilation[axis] * (op.kernel_size[axis] - 1) + 1
    return (count - 1) * op.stride[axis] - op.sides[2 * axis] + span - size


def _too_large(op: MaxPool2d | AvgPool2d, pads: list[int]) -> bool:
    """Whether runtimes refuse the padding: it has to be smaller than the kernel."""
    return any(pad >= kernel for pad, kernel in zip(pads, [*op.kernel_size] * 2, strict=True))


def _places(w: Writer, op: AvgPool2d, axis: int) -> npt.NDArray[np.int64]:
    """(out, K): the rows or columns that each window lies on."""
    start = np.arange(w.node.shape.fixed(2 + axis)) * op.stride[axis] - op.sides[2 * axis]
    return np.add.outer(start, np.arange(op.kernel_size[axis]) * op.dilation[axis])


def _counts(w: Writer, op: AvgPool2d, axis: int) -> npt.NDArray[np.int64]:
    """How many elements of each window count."""
    before, after = op.sides[2 * axis : 2 * axis + 2] if op.count_include_pad else (0, 0)
    places = _places(w, op, axis)
    return np.asarray(np.sum((-before <= places) & (places < w.inputs[0].fixed(2 + axis) + after), axis=1))


def _seen(w: Writer, op: AvgPool2d, axis: int) -> npt.NDArray[np.float64]:
    """(out, size): 1 where a window lies on a row or column."""
    size = np.arange(w.inputs[0].fixed(2 + axis))
    return np.asarray(np.any(_places(w, op, axis)[:, :, None] == size, axis=1), np.float64)


def _means(op: AdaptiveAvgPool2d, size: int, out: int) -> npt.NDArray[np.float64]:
    """(out, size): row i is the mean over window i."""
    means = np.zeros((out, size))
    for i in range(out):
        start, end = op.window(i, size, out)
        means[i, start:end] = 1 / (end - start)
    return means
