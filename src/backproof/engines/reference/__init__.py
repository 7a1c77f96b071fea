"""The reference engine: plain loops in float64. Slow, obviously right, and the textbook page of every operation.

Once more over whole arrays (`VectorisedReference`), for what is too large for loops.
"""

from collections.abc import Collection
from platform import python_version
from typing import ClassVar

from backproof.engines.base import Capabilities, DType, Engine, EngineInfo
from backproof.engines.reference.kernels import KERNELS
from backproof.engines.reference.trainer import ReferenceTrainer, VectorisedTrainer
from backproof.errors import UserError
from backproof.graph import Arrays, Graph, Op


class Reference:
    """What both forms of the reference engine share."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    trainer: ClassVar[type[ReferenceTrainer]]

    @property
    def operations(self) -> Collection[type[Op]]:
        """The operations that it has formulas of its own for: those of users it computes by their kernels."""
        return KERNELS.maps[0].keys()

    def compile(
        self, graph: Graph, parameters: Arrays, *, dtype: DType = "float64", device: str = "cpu"
    ) -> ReferenceTrainer:
        """A trainer in float64 on the CPU. Raises `UserError` for any other dtype or device."""
        if dtype != "float64":
            raise UserError(f"the {self.name} engine computes in float64, not in {dtype}")
        if device != "cpu":
            raise UserError(f"the {self.name} engine runs on the device 'cpu', not on '{device}'")
        return self.trainer(graph, parameters)

    def info(self) -> EngineInfo:
        """Python's version: its floats do all the arithmetic of the plain loops."""
        return EngineInfo(version=f"Python {python_version()}", details={"dtype": "float64", "threads": 1})

    def set_threads(self, count: int) -> None:
        """Nothing changes: plain loops run on one thread, which is within any `count`."""


class ReferenceEngine(Reference):
    """The engine that the others are compared with, in plain loops."""

    name: ClassVar[str] = "reference"
    capabilities: ClassVar[Capabilities] = Capabilities(dtypes=("float64",), speed="loops")
    trainer: ClassVar[type[ReferenceTrainer]] = ReferenceTrainer

    @property
    def forms(self) -> dict[str, Engine]:
        """Its other form, which is held against this one."""
        return {"over whole arrays": VectorisedReference()}


class VectorisedReference(Reference):
    """The reference engine over whole arrays: the same mathematics in other code, for networks of any size.

    Its matrix products run on as many threads as NumPy's.
    """

    name: ClassVar[str] = "reference"
    capabilities: ClassVar[Capabilities] = Capabilities(dtypes=("float64",))
    trainer: ClassVar[type[ReferenceTrainer]] = VectorisedTrainer
