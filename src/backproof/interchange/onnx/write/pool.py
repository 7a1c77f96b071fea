"""Pooling. Padding is written out on all four sides, so that windows are as many as ours are: runtimes do not agree on
where the last one of `ceil_mode` may begin.
"""

import numpy as np

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d


@writes(MaxPool2d)
def max_pool(w: Writer, op: MaxPool2d, x: str) -> str:
    end = [max(p, _reach(w, op, axis, op.dilation[axis])) for axis, p in enumerate(op.padding)]
    return w(
        "MaxPool",
        x,
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=[*op.padding, *end],
        dilations=op.dilation,
    )


@writes(AvgPool2d)
def avg_pool(w: Writer, op: AvgPool2d, x: str) -> str:
    """Where the divisor is not what ONNX divides by: the mean over all of each window, times what makes up for it."""
    overhang = [max(0, _reach(w, op, axis) - p) for axis, p in enumerate(op.padding)]
    end = [p + more for p, more in zip(op.padding, overhang, strict=True)]
    window = {"kernel_shape": op.kernel_size, "strides": op.stride}
    if op.divisor_override is None and not (op.count_include_pad and any(overhang)):
        include = int(op.count_include_pad)
        return w("AveragePool", x, **window, pads=[*op.padding, *end], count_include_pad=include)
    around = [0, 0, *op.padding, 0, 0, *end]
    padded = w("Pad", x, w.ints(*around), w.constant(0)) if any(around) else x
    rows, columns = (_counts(w, op, axis) for axis in (0, 1))
    divisor = np.outer(rows, columns) if op.divisor_override is None else op.divisor_override
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


def _reach(w: Writer, op: MaxPool2d | AvgPool2d, axis: int, dilation: int = 1) -> int:
    """How far beyond the image's end the last window goes."""
    size, count = w.inputs[0].fixed(2 + axis), w.node.shape.fixed(2 + axis)
    return (count - 1) * op.stride[axis] - op.padding[axis] + dilation * (op.kernel_size[axis] - 1) + 1 - size


def _counts(w: Writer, op: AvgPool2d, axis: int) -> list[int]:
    """How many elements of each window count, those in the padding included."""
    last = w.inputs[0].fixed(2 + axis) + op.padding[axis]
    starts = (i * op.stride[axis] - op.padding[axis] for i in range(w.node.shape.fixed(2 + axis)))
    return [min(start + op.kernel_size[axis], last) - start for start in starts]


def _means(op: AdaptiveAvgPool2d, size: int, out: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """(out, size): row i is the mean over window i."""
    means = np.zeros((out, size))
    for i in range(out):
        start, end = op.window(i, size, out)
        means[i, start:end] = 1 / (end - start)
    return means
