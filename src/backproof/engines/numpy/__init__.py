"""The fast from-scratch engine: hand-written forward and backward, in NumPy alone."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from backproof.engines.base import Capabilities, DType, EngineInfo
from backproof.engines.numpy.products import largest_batch
from backproof.engines.numpy.trainer import NumpyTrainer
from backproof.engines.numpy.tuning import PLAIN, SMALL, USUAL, Tuning
from backproof.errors import OptionError
from backproof.graph import Arrays, Graph, Op
from backproof.optim import Optimizer


@dataclass(frozen=True)
class NumpyEngine:
    """NumPy, on the CPU, in float32 or float64.

    Attributes:
        winograd: whether 3x3 convolutions may take Winograd's way, faster and a little less exact in float32.
        memory: "low" keeps activations at checkpoints only and computes the others twice: the same bits, about a
            third more time.
        replaced: operations and optimizers that users' kernels and updates compute instead of this engine's.
        tuning: sizes and thresholds by which it chooses its ways.
    """

    winograd: bool = True
    memory: Literal["normal", "low"] = "normal"
    replaced: tuple[type[Op] | type[Optimizer], ...] = ()
    tuning: Tuning = USUAL

    name: ClassVar[str] = "numpy"
    capabilities: ClassVar[Capabilities] = Capabilities(
        replaceable=True,
        variants={"small blocks": {"tuning": SMALL}, "im2col, low memory": {"tuning": PLAIN, "memory": "low"}},
    )
    trainer: ClassVar[type[NumpyTrainer]] = NumpyTrainer

    @property
    def operations(self) -> Collection[type[Op]]:
        return self.trainer.kernels.keys()

    def compile(
        self, graph: Graph, parameters: Arrays, *, dtype: DType = "float32", device: str = "cpu"
    ) -> NumpyTrainer:
        if device != "cpu":
            raise OptionError(
                "engine '{}' computes on the cpu, not on '{}'; leave {device} out, or take torch", self.name, device
            )
        return self.trainer(
            graph,
            parameters,
            dtype,
            winograd=self.winograd,
            low_memory=self.memory == "low",
            replaced=self.replaced,
            tuning=self.tuning,
        )

    def info(self) -> EngineInfo:
        """NumPy's version, and the BLAS that its matrix products run on."""
        import numpy as np

        (blas,) = _blas() or ({},)
        library = f"{blas.get('internal_api', 'unknown')} {blas.get('version', '')}".strip()
        details = {"blas": library, "architecture": blas.get("architecture"), "threads": blas.get("num_threads")}
        return EngineInfo(np.__version__, details=details)

    def set_threads(self, count: int) -> None:
        """Threads of the BLAS."""
        from threadpoolctl import threadpool_limits

        threadpool_limits(count, user_api="blas")
        largest_batch.cache_clear()


def _blas() -> list[dict[str, Any]]:
    """The BLAS libraries that NumPy has loaded, as threadpoolctl finds them."""
    from threadpoolctl import threadpool_info

    return [library for library in threadpool_info() if library["user_api"] == "blas"][:1]
