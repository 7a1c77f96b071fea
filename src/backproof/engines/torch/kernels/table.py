"""The table that the kernels enter themselves into."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from backproof.engines import custom
from backproof.engines.base import Mode
from backproof.engines.custom import Adapted
from backproof.engines.kernel import Functions
from backproof.graph import Op


class Call(NamedTuple):
    """What a kernel gets besides its tensors: the node's name, how the pass is taken, N, and the dtype of floats."""

    node: str
    mode: Mode
    samples: int = 1
    dtype: torch.dtype = torch.float32


Tensors = Mapping[str, Tensor]

TorchKernel = Callable[[Any, tuple[Tensor, ...], Tensors, Call], Tensor]
"""(operation, inputs, the node's parameters by local name, call) -> output.

Non-trainable parameters are updated in place, as PyTorch does it; they are copies where the trainer must not move them.
The output is never one of the inputs itself, so that its gradient is its own.
"""


def _expression(_: type[Op], written: Callable[..., Tensor]) -> TorchKernel:
    """What a user wrote to hold an operation against, as a kernel."""
    return lambda op, inputs, p, call: written(op, inputs, dict(p))


KERNELS: ChainMap[type[Op], TorchKernel] = custom.chain(
    {}, custom.KERNELS["torch"], Adapted(custom.EXPRESSIONS, _expression)
)
"""The engine's kernels by class of operation, and those of users."""

FUNCTIONS = Functions(KERNELS)
computes, one_line = FUNCTIONS.computes, FUNCTIONS.one_line
