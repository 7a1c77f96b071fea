"""The NumPy engine with its element-wise loops compiled by Numba; matrix products stay with the BLAS.

Only `backproof.engines.get_engine("numba")` imports this folder, so nothing else ever loads Numba.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numba

from backproof.engines.base import EngineInfo
from backproof.engines.numba.compiled import is_kept
from backproof.engines.numba.kernels import KERNELS
from backproof.engines.numba.kernels.norm import statistics
from backproof.engines.numba.optimizers import UPDATES
from backproof.engines.numpy import NumpyEngine
from backproof.engines.numpy.trainer import NumpyTrainer
from backproof.engines.numpy.tuning import Tuning

IN_ONE_PASS = Tuning(optimizer_elements=1 << 24)
"""An update is one pass over memory, whatever the block."""


class NumbaTrainer(NumpyTrainer):
    """The NumPy engine's trainer over this engine's kernels and updates."""

    engine = "numba"
    kernels = KERNELS
    updates = UPDATES
    fusing_keeps_bits = False  # compiled, a chain is one expression, which the compiler may contract


@dataclass(frozen=True)
class NumbaEngine(NumpyEngine):
    """The NumPy engine, its settings too, with faster loops.

    A loop is compiled when it first runs on a dtype: of ResNet-101 the first step ever takes ten seconds more, and the
    first of a later process one second more, for reading what was kept.
    """

    tuning: Tuning = IN_ONE_PASS

    name: ClassVar[str] = "numba"
    trainer: ClassVar[type[NumpyTrainer]] = NumbaTrainer

    def info(self) -> EngineInfo:
        """Numba's version, what the NumPy engine says, and whether compiled code is kept for later processes."""
        info = super().info()
        details = {
            **info.details,
            "numpy": info.version,
            "compiled code": "kept" if is_kept(statistics) else "not kept",
        }
        return replace(info, version=numba.__version__, details=details)
