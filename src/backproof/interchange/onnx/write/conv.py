"""Convolutions."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Conv2d, ConvTranspose2d


@writes(Conv2d)
def conv(w: Writer, op: Conv2d, x: str) -> str:
    top, bottom, left, right = op.padding
    return w(
        "Conv",
        *_operands(w, x),
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=[top, left, bottom, right],
        dilations=op.dilation,
        group=op.groups,
    )


@writes(ConvTranspose2d)
def conv_transpose(w: Writer, op: ConvTranspose2d, x: str) -> str:
    """Runtimes refuse an `output_padding` as large as the stride. Less padding at the end does the same; what lies
    beyond that has a bias alone.
    """
    end, extra, beyond = zip(*(_end(op, axis) for axis in (0, 1)), strict=True)
    operands = _operands(w, x)
    y = w(
        "ConvTranspose",
        *(operands[:2] if any(beyond) else operands),
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=[*op.sides[::2], *end],
        output_padding=extra,
        dilations=op.dilation,
        group=op.groups,
    )
    if any(beyond):
        y = w("Pad", y, w.ints(*[0] * 6, *beyond), w.constant(0))
        y = w("Add", y, w("Unsqueeze", operands[2], w.ints(1, 2))) if op.bias else y
    return y


def _end(op: ConvTranspose2d, axis: int) -> tuple[int, int, int]:
    """Along an axis: padding at the end, output_padding, and what is beyond that."""
    padding, extra, most = op.sides[2 * axis + 1], op.output_padding[axis], op.stride[axis] - 1
    if extra <= most:
        return padding, extra, 0
    rest = max(extra - padding, 0)
    return max(padding - extra, 0), min(rest, most), max(rest - most, 0)


def _operands(w: Writer, x: str) -> list[str]:
    return [x, w.p("weight"), *filter(None, [w.p("bias")])]
