"""The engine's door: images are N,C,H,W outside and N,H,W,C inside.

Channels-last makes a 1x1 convolution one matrix product and im2col rows contiguous. It holds for every value of
rank 3 and more: axis 1 goes to the end. Values of rank 2 and less are the same on both sides.
"""

import numpy as np
import numpy.typing as npt

from backproof.graph import Array


def inside(array: Array, dtype: npt.DTypeLike) -> Array:
    """A canonical value in the engine's layout and dtype, contiguous; the array itself where it is so already."""
    return np.ascontiguousarray(np.moveaxis(array, 1, -1) if array.ndim > 2 else array, dtype)


def outside(array: Array) -> Array:
    """A copy of a value of the engine's, canonical and contiguous."""
    return np.array(np.moveaxis(array, -1, 1) if array.ndim > 2 else array, order="C")
