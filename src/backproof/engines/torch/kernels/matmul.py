"""Products of matrices."""

import torch

from backproof.engines.torch.kernels.table import one_line
from backproof.ops import MatMul

one_line({MatMul: lambda op, a, b: torch.matmul(a, b)})
