"""Memory layout: images are N,C,H,W outside the engine and N,H,W,C inside.

Channels-last makes a 1x1 convolution one matrix product and im2col rows contiguous. It holds for every value of
rank 3 and more: axis 1 goes to the end. Values of rank 2 and less are the same on both sides.
"""

import numpy as np
import numpy.typing as npt

from backproof.graph import Array


def channels_last(array: Array) -> Array:
    """(N, C, H, W) seen as (N, H, W, C). By `transpose`, since `moveaxis` takes ten times as long to do the same."""
    rank = array.ndim
    return array.transpose(0, *range(2, rank), 1) if rank > 2 else array


def channels_first(array: Array) -> Array:
    """(N, H, W, C) seen as (N, C, H, W)."""
    rank = array.ndim
    return array.transpose(0, rank - 1, *range(1, rank - 1)) if rank > 2 else array


def to_nhwc(array: Array, dtype: npt.DTypeLike) -> Array:
    """A canonical value in the engine's layout and dtype, contiguous; the array itself where it is so already."""
    return np.ascontiguousarray(channels_last(array), dtype)


def to_nhwc_view(array: Array, dtype: npt.DTypeLike) -> Array:
    """The same value in the engine's axes, but as it lies in memory outside: for who turns it back anyway."""
    return channels_last(np.ascontiguousarray(array, dtype))


def to_nchw(array: Array) -> Array:
    """A copy of a value of the engine's, canonical and contiguous."""
    return np.array(channels_first(array), order="C")
