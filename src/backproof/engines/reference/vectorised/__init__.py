"""Every operation once more, over whole arrays: for networks that are too large for the plain loops.

Written apart from the plain loops and from the NumPy engine, and held against the former on every sample of every
operation. It is after the shortest formula, not after speed: windows are gathered tap by tap, pooling and resizing are
matrix products along rows and columns.
"""

from backproof.engines.kernel import import_kernels
from backproof.engines.reference.vectorised.table import VECTORISED as VECTORISED

import_kernels(__name__, __path__)
