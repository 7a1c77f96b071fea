"""What is added around images, or at the ends of other axes."""

import torch
from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import one_line
from backproof.ops import Pad


def pad(op: Pad, x: Tensor) -> Tensor:
    """By PyTorch's own function on images; it has reflect, replicate and wrap for some axes of some ranks alone."""
    if op.mode == "constant":
        return functional.pad(x, op.sides, op.mode, op.value)
    if x.ndim == 4 and len(op.sides) == 4 and min(op.sides) >= 0 and op.mode != "wrap":
        return functional.pad(x, op.sides, op.mode)
    y = x[op.kept(x.shape)].clone()
    for axis, (before, after) in enumerate(op.added(x.ndim)):
        if before or after:
            size = y.shape[axis]
            sources = [op.source(k, size) for k in range(-before, size + after)]
            y = y.index_select(axis, torch.tensor(sources, device=x.device))
    return y


one_line({Pad: pad})
