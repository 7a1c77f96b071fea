"""The table that the kernels enter themselves into."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jax import Array

from backproof.engines import custom
from backproof.engines.kernel import Functions
from backproof.graph import Op

Arrays = Mapping[str, Array]


class Call(NamedTuple):
    """What a kernel gets besides its arrays.

    Attributes:
        node: the node's name.
        training: batch statistics and dropout, or running statistics and none.
        mask: what dropout keeps, where the node is one and the pass in training.
        state: where the kernel leaves new values of non-trainable parameters, by local name.
        samples: N of this pass.
    """

    node: str
    training: bool
    mask: Array | None
    state: dict[str, Array]
    samples: int = 1


JaxKernel = Callable[[Any, tuple[Array, ...], Arrays, Call], Array]
"""(operation, inputs, the node's parameters by local name, call) -> output.

Traced once for each shape, then compiled: Python's own branches are taken while tracing.
"""

KERNELS: ChainMap[type[Op], JaxKernel] = custom.chain({}, custom.KERNELS["jax"])

FUNCTIONS = Functions(KERNELS)
computes, one_line = FUNCTIONS.computes, FUNCTIONS.one_line
