"""Operations that only rearrange."""

import torch
from torch import Tensor

from backproof.engines.torch.kernels.table import one_line
from backproof.ops import Permute, Slice, View


def sliced(op: Slice, x: Tensor) -> Tensor:
    """By steps forward, which are all that PyTorch knows, and then turned round."""
    ranges = op.ranges(x.shape)
    ahead = [places if places.step > 0 else places[::-1] for places in ranges]
    y = x[tuple(slice(places.start, places.stop, places.step) for places in ahead)]
    return torch.flip(y, [axis for axis, places in enumerate(ranges) if places.step < 0])


one_line(
    {
        View: lambda op, x: x.reshape(op.bound),
        Permute: lambda op, x: x.permute(op.dims),
        Slice: sliced,
    }
)
