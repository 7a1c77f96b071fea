"""The table that the kernels enter themselves into."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

from backproof.engines import custom, kernel
from backproof.engines.base import Mode
from backproof.engines.custom import Adapted
from backproof.graph import Graph, Op


class Call(NamedTuple):
    """What a kernel gets besides its tensors: the node's name, and how the pass is taken."""

    node: str
    mode: Mode


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

AnyKernel = TypeVar("AnyKernel", bound=TorchKernel)


def computes(op: type[Op]) -> Callable[[AnyKernel], AnyKernel]:
    """Decorator: enter a kernel into the table."""

    def register(function: AnyKernel) -> AnyKernel:
        KERNELS[op] = function
        return function

    return register


def one_line(kernels: Mapping[type[Op], Callable[..., Tensor]]) -> None:
    """Enter kernels that take nothing but the operation and its inputs: `ReLU: lambda op, x: ...`."""
    for op, function in kernels.items():
        KERNELS[op] = _of_inputs(function)


def _of_inputs(function: Callable[..., Tensor]) -> TorchKernel:
    return lambda op, inputs, p, call: function(op, *inputs)


def require_kernels(graph: Graph, kernels: Mapping[type[Op], TorchKernel]) -> None:
    """Raise `UserError` naming every operation of `graph` that the engine lacks."""
    kernel.require_kernels("torch", kernels, graph)
