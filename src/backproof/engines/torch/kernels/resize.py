"""Images made larger or smaller."""

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import Resize


@computes(Resize)
def resize(op: Resize, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, H, W) -> y (N, C, H', W').

    PyTorch works out the nearest pixel in single precision. At a few ratios, such as 2 pixels to 82, i r is rounded to
    just below a whole number, and it takes the pixel before the right one.
    """
    (x,) = inputs
    align_corners = op.align_corners if op.mode == "bilinear" else None
    return functional.interpolate(x, op.size, op.scale_factor, op.mode, align_corners)
