"""The table that these kernels enter themselves into; what only rearranges, and what users wrote, is the loops' own."""

from collections import ChainMap
from typing import Any

from backproof.engines import custom
from backproof.engines.kernel import Kernel
from backproof.engines.reference.kernels import KERNELS
from backproof.graph import Op

VECTORISED: ChainMap[type[Op], Kernel[Any, Any]] = custom.chain({}, KERNELS)
