"""Every operation in plain loops: one file a family, with the same names as in `backproof.ops`."""

from backproof.engines.kernel import import_kernels
from backproof.engines.reference.kernels.table import KERNELS as KERNELS

import_kernels(__name__, __path__)
