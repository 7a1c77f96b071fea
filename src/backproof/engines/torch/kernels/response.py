"""Normalisation by the channels around."""

from torch import Tensor
from torch.nn import functional

from backproof.engines.torch.kernels.table import Call, Tensors, computes
from backproof.ops import LocalResponseNorm


@computes(LocalResponseNorm)
def local_response_norm(op: LocalResponseNorm, inputs: tuple[Tensor, ...], p: Tensors, call: Call) -> Tensor:
    """x (N, C, ...) -> y of the same shape; more channels after than before are more before in reverse order."""
    (x,) = inputs
    if op.more_after:
        return functional.local_response_norm(x.flip(1), op.size, op.alpha, op.beta, op.k).flip(1)
    return functional.local_response_norm(x, op.size, op.alpha, op.beta, op.k)
