"""Convolutions."""

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import Conv2d, ConvTranspose2d
from backproof.ops.spatial import Sides


@computes(Conv2d)
def conv2d(op: Conv2d, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, in, H, W) -> y (N, out, H', W'). PyTorch pads both ends alike; other zeros are put on before."""
    (x,) = inputs
    top, bottom, left, right = op.padding
    padding = top, left
    if (top, left) != (bottom, right):
        x, padding = functional.pad(x, (left, right, top, bottom)), (0, 0)
    return functional.conv2d(x, p["weight"], p.get("bias"), op.stride, padding, op.dilation, op.groups)


@computes(ConvTranspose2d)
def conv_transpose2d(op: ConvTranspose2d, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, in, H, W) -> y (N, out, H', W')."""
    (x,) = inputs
    cut = (0, 0) if isinstance(op.padding, Sides) else op.padding
    y = functional.conv_transpose2d(
        x, p["weight"], p.get("bias"), op.stride, cut, op.output_padding, op.groups, op.dilation
    )
    if isinstance(op.padding, Sides):  # PyTorch cuts both ends alike; other sides are cut off after
        top, bottom, left, right = op.padding
        y = functional.pad(y, (-left, -right, -top, -bottom))
    return y
