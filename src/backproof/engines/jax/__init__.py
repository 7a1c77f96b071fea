"""The jax engine: XLA compiles the whole training step, JAX differentiates it, updates are formulas of our own.

Only `backproof.engines.get_engine("jax")` imports this folder, so nothing else ever loads JAX.
"""

from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

import jax

from backproof.engines.base import Capabilities, DType, EngineInfo
from backproof.engines.jax import threads
from backproof.engines.jax.devices import devices, require_device
from backproof.engines.jax.kernels import KERNELS
from backproof.engines.jax.trainer import JaxTrainer
from backproof.engines.kernel import require_kernels
from backproof.graph import Arrays, Graph, Op


@dataclass(frozen=True)
class JaxEngine:
    """JAX, everything compiled by XLA: once for each network, dtype and batch size, on first use.

    Attributes:
        quickly: whether XLA leaves out its optimisations: compiled in a sixth of the time, for a few runs alone.
    """

    quickly: bool = False

    name: ClassVar[str] = "jax"
    capabilities: ClassVar[Capabilities] = Capabilities(
        devices=("cpu", "cuda", "tpu"), speed="compiles", for_checks={"quickly": True}
    )

    @property
    def operations(self) -> Collection[type[Op]]:
        return KERNELS.keys()

    def compile(self, graph: Graph, parameters: Arrays, *, dtype: DType = "float32", device: str = "cpu") -> JaxTrainer:
        """A trainer on `device`: "cpu", "cuda:0", as far as JAX sees one. Raises `UserError` for one that it does not.

        XLA compiles later, when the first batch of a size comes.
        """
        require_kernels(self.name, KERNELS, graph)
        return JaxTrainer(graph, parameters, dtype, require_device(device), quickly=self.quickly)

    def info(self) -> EngineInfo:
        """JAX's version, the devices it sees, its compiler and threads."""
        known = devices()
        details = {"blas": f"XLA (jaxlib {version('jaxlib')})", "threads": threads.count()}
        return EngineInfo(version=jax.__version__, devices=known, details=details)

    def set_threads(self, count: int) -> None:
        """Compute with `count` threads. Raises `UserError` if JAX has started with another number: see `threads`."""
        threads.start(count)
