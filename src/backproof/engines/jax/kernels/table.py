"""The table that the kernels enter themselves into."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from jax import Array

from backproof.engines import custom, kernel
from backproof.graph import Graph, Op

Arrays = Mapping[str, Array]


class Call(NamedTuple):
    """What a kernel gets besides its arrays.

    Attributes:
        node: the node's name.
        training: batch statistics and dropout, or running statistics and none.
        mask: what dropout keeps, where the node is one and the pass in training.
        state: where the kernel leaves new values of non-trainable parameters, by local name.
    """

    node: str
    training: bool
    mask: Array | None
    state: dict[str, Array]


JaxKernel = Callable[[Any, tuple[Array, ...], Arrays, Call], Array]
"""(operation, inputs, the node's parameters by local name, call) -> output.

Traced once for each shape, then compiled: Python's own branches are taken while tracing.
"""

KERNELS: ChainMap[type[Op], JaxKernel] = custom.chain({}, custom.KERNELS["jax"])

AnyKernel = TypeVar("AnyKernel", bound=JaxKernel)


def computes(op: type[Op]) -> Callable[[AnyKernel], AnyKernel]:
    """Decorator: enter a kernel into the table."""

    def register(function: AnyKernel) -> AnyKernel:
        KERNELS[op] = function
        return function

    return register


def one_line(kernels: Mapping[type[Op], Callable[..., Array]]) -> None:
    """Enter kernels that take nothing but the operation and its inputs: `ReLU: lambda op, x: ...`."""
    for op, function in kernels.items():
        KERNELS[op] = _of_inputs(function)


def _of_inputs(function: Callable[..., Array]) -> JaxKernel:
    return lambda op, inputs, p, call: function(op, *inputs)


def require_kernels(graph: Graph, kernels: Mapping[type[Op], JaxKernel]) -> None:
    """Raise `UserError` naming every operation of `graph` that the engine lacks."""
    kernel.require_kernels("jax", kernels, graph)
