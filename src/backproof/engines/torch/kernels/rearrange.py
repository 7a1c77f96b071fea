"""Operations that only rearrange."""

import torch
from torch import Tensor

from backproof.engines.torch.kernels.table import Call, Tensors, computes, one_line
from backproof.ops import Expand, IndexSelect, Permute, Slice, Take, View
from backproof.ops.rearrange import require_places


@computes(View)
def view(op: View, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """The batch has the size it has in this pass."""
    return inputs[0].reshape(op.bind(call.samples))


@computes(Expand)
def expand(op: Expand, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """Likewise."""
    (x,) = inputs
    return x.expand(op.bind(tuple(x.shape), call.samples))


@computes(Take)
def take(op: Take, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """One axis of indices, and then as many as they have."""
    x, indices = inputs
    axis, size = op.dim % x.ndim, x.shape[op.dim]
    require_places(indices.detach().cpu().numpy(), size, call.node)
    y = x.index_select(axis, (indices % size).reshape(-1))
    return y.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def sliced(op: Slice, x: Tensor) -> Tensor:
    """By steps forward, which are all that PyTorch knows, and then turned round."""
    ranges = op.ranges(x.shape)
    ahead = [places if places.step > 0 else places[::-1] for places in ranges]
    y = x[tuple(slice(places.start, places.stop, places.step) for places in ahead)]
    return torch.flip(y, [axis for axis, places in enumerate(ranges) if places.step < 0])


one_line(
    {
        Permute: lambda op, x: x.permute(op.dims),
        Slice: sliced,
        IndexSelect: lambda op, x: x.index_select(op.dim, torch.tensor(op.places(x.shape[op.dim]), device=x.device)),
    }
)
