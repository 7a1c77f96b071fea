"""Every operation in PyTorch's words: forward only, autograd does the rest. The same file names as `backproof.ops`."""

from backproof.engines.kernel import import_kernels
from backproof.engines.torch.kernels.table import KERNELS as KERNELS

import_kernels(__name__, __path__)
