"""Images made larger or smaller."""

from typing import Literal

import torch
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
    theirs = Resize(op.size, None if op.size else op.scale_factor, op.mode, op.align_corners)
    height, width = op.output_size(x.shape[2], 0), op.output_size(x.shape[3], 1)
    wrong_backward = op.mode == "bicubic" and op.size is None and (height, width) == tuple(x.shape[2:])
    if op != theirs or wrong_backward:
        return _as_declared(op, x)
    align_corners = op.align_corners if op.mode != "nearest" else None
    return functional.interpolate(x, op.size, op.scale_factor, op.mode, align_corners)


def _as_declared(op: Resize, x: Tensor) -> Tensor:
    """What PyTorch does not have: by a matrix of weights along rows, and one along columns."""
    (down, rows), (across, columns) = _matrix(op, x, 0), _matrix(op, x, 1)
    y = down @ x @ across.T
    return torch.where(rows[:, None] & columns, y, op.extrapolation_value)


def _matrix(op: Resize, x: Tensor, axis: Literal[0, 1]) -> tuple[Tensor, Tensor]:
    """The weights, (H', H), and which output rows lie inside of the image, (H',)."""
    taps = op.taps(x.shape[2 + axis], axis)
    matrix = torch.zeros(len(taps), x.shape[2 + axis], dtype=torch.float64)
    for i, (rows, weights) in enumerate(taps):
        for k, weight in zip(rows, weights, strict=True):
            matrix[i, k] += weight
    return matrix.to(x), torch.tensor([bool(tap.rows) for tap in taps], device=x.device)
