"""Operations that only rearrange."""

from torch import Tensor

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import Flatten, Reshape


@computes(Flatten)
def flatten(op: Flatten, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, ...) -> y (N, elements)."""
    (x,) = inputs
    return x.reshape(x.shape[0], -1)


@computes(Reshape)
def reshape(op: Reshape, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, ...) -> y (N, *op.shape)."""
    (x,) = inputs
    return x.reshape(x.shape[0], *op.shape)
