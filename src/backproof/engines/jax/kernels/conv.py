"""Convolutions."""

from jax import Array, lax

from backproof.engines.jax.kernels.table import Arrays, Call, computes
from backproof.ops import Conv2d, ConvTranspose2d

LAYOUT = ("NCHW", "OIHW", "NCHW")


@computes(Conv2d)
def conv2d(op: Conv2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, in, H, W) -> y (N, out, H', W')."""
    (x,) = inputs
    top, bottom, left, right = op.padding
    y = lax.conv_general_dilated(
        x,
        p["weight"],
        window_strides=op.stride,
        padding=((top, bottom), (left, right)),
        rhs_dilation=op.dilation,
        dimension_numbers=LAYOUT,
        feature_group_count=op.groups,
    )
    return _biased(y, p)


@computes(ConvTranspose2d)
def conv_transpose2d(op: ConvTranspose2d, inputs: tuple[Array, ...], p: Arrays, call: Call) -> Array:
    """x (N, in, H, W) -> y (N, out, H', W').

    A convolution of the input with S - 1 zeros between its pixels, the kernel turned around; P is cut off the full
    padding D(K - 1), so what is left may be negative.
    """
    (x,) = inputs
    full = [d * (k - 1) for d, k in zip(op.dilation, op.kernel_size, strict=True)]
    ends = [
        (f - before, f - after + more)
        for f, before, after, more in zip(full, op.sides[::2], op.sides[1::2], op.output_padding, strict=True)
    ]
    y = lax.conv_general_dilated(
        x,
        _turned(p["weight"], op.groups),
        window_strides=(1, 1),
        padding=ends,
        lhs_dilation=op.stride,
        rhs_dilation=op.dilation,
        dimension_numbers=LAYOUT,
        feature_group_count=op.groups,
    )
    return _biased(y, p)


def _turned(weight: Array, groups: int) -> Array:
    """(in, out/groups, kh, kw) -> (out, in/groups, kh, kw), the kernel upside down and left to right."""
    channels, group_out, *kernel = weight.shape
    parts = weight.reshape(groups, channels // groups, group_out, *kernel)[..., ::-1, ::-1]
    return parts.swapaxes(1, 2).reshape(groups * group_out, channels // groups, *kernel)


def _biased(y: Array, p: Arrays) -> Array:
    return y + p["bias"][:, None, None] if "bias" in p else y
