"""Pixels added around images."""

from torch.nn import functional

from backproof.engines.torch.kernels.table import one_line
from backproof.ops import Pad

one_line({Pad: lambda op, x: functional.pad(x, op.sides, op.mode, op.value if op.mode == "constant" else None)})
