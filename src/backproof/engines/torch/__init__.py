"""The torch engine: PyTorch computes, its autograd differentiates, its optimizers update.

Only `backproof.engines.get_engine("torch")` imports this folder, so nothing else ever loads PyTorch.
"""

import re
from collections.abc import Collection
from typing import ClassVar

import torch

from backproof.engines.base import Capabilities, DType, EngineInfo
from backproof.engines.kernel import require_kernels
from backproof.engines.torch.devices import devices, require_device
from backproof.engines.torch.kernels import KERNELS
from backproof.engines.torch.trainer import TorchTrainer
from backproof.graph import Arrays, Graph, Op


class TorchEngine:
    """PyTorch in eager mode."""

    name: ClassVar[str] = "torch"
    capabilities: ClassVar[Capabilities] = Capabilities(devices=("cpu", "cuda", "mps"), node_times=False)

    @property
    def operations(self) -> Collection[type[Op]]:
        return KERNELS.keys()

    def compile(
        self, graph: Graph, parameters: Arrays, *, dtype: DType = "float32", device: str = "cpu"
    ) -> TorchTrainer:
        """A trainer on `device`: "cpu", "cuda", "cuda:1", "mps". Raises `UserError` for one that is not there."""
        require_kernels(self.name, KERNELS, graph)
        return TorchTrainer(graph, parameters, dtype, require_device(device, dtype))

    def info(self) -> EngineInfo:
        """PyTorch's version, the devices it sees, its linear algebra and threads."""
        blas = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
        details = {"blas": blas[1] if blas else "unknown", "threads": torch.get_num_threads()}
        return EngineInfo(version=torch.__version__, devices=devices(), details=details)

    def set_threads(self, count: int) -> None:
        """Compute with `count` threads from now on, in the whole process."""
        torch.set_num_threads(count)
