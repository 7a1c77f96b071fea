"""The onnxruntime engine: the network is written as ONNX, and ONNX Runtime computes it. It predicts, and cannot train.

Only `backproof.engines.get_engine("onnxruntime")` imports this folder, so nothing else ever loads ONNX Runtime.
"""

import os
from collections.abc import Collection
from typing import ClassVar

import onnxruntime

from backproof.engines.base import Capabilities, DType, EngineInfo
from backproof.engines.kernel import require_kernels
from backproof.engines.onnxruntime.predictor import OnnxPredictor, session
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Graph, Op
from backproof.interchange.onnx.require import require_onnx


class OnnxRuntimeEngine:
    """ONNX Runtime on the processor, in float32: it has no kernels for convolutions of doubles."""

    name: ClassVar[str] = "onnxruntime"
    capabilities: ClassVar[Capabilities] = Capabilities(
        trains=False,
        dtypes=("float32",),
        node_times=False,
        finite_only=frozenset({"MaxPool2d", "ArgMax"}),  # the lowest number for -∞, and over NaN it passes
    )

    _threads: ClassVar[int] = 0
    """Of sessions made from now on; 0: ONNX Runtime's choice, one a core."""

    def __init__(self) -> None:
        require_onnx("engine 'onnxruntime'")

    @property
    def operations(self) -> Collection[type[Op]]:
        from backproof.interchange.onnx.write import WRITERS

        return WRITERS.keys()

    def compile(
        self, graph: Graph, parameters: Arrays, *, dtype: DType = "float32", device: str = "cpu"
    ) -> OnnxPredictor:
        """A predictor. Raises `UserError` for another device than "cpu", or another dtype than float32."""
        require_kernels(self.name, dict.fromkeys(self.operations), graph)
        if device != "cpu":
            raise UserError(f"engine 'onnxruntime' has no device '{device}'; there is: cpu")
        if dtype != "float32":
            raise UserError(f"engine 'onnxruntime' computes in float32, not in {dtype}")
        return OnnxPredictor(graph, parameters, self._threads)

    def run_file(self, content: bytes, inputs: Arrays) -> dict[str, Array]:
        """The outputs of any `.onnx` file for these inputs, by name."""
        opened = session(content, self._threads)
        names = [output.name for output in opened.get_outputs()]
        return dict(zip(names, opened.run(names, dict(inputs)), strict=True))

    def info(self) -> EngineInfo:
        """ONNX Runtime's version and threads."""
        threads = self._threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else self._threads
        return EngineInfo(version=onnxruntime.__version__, details={"blas": "MLAS", "threads": threads})

    def set_threads(self, count: int) -> None:
        """Compute with `count` threads, in what is compiled from now on."""
        type(self)._threads = count
