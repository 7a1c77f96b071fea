"""Resampling with Pillow, whatever the type of the values."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

    Change = Callable[[Image.Image, Image.Resampling, float], Image.Image]


def resampled(planes: npt.NDArray[Any], change: "Change") -> npt.NDArray[Any]:
    """Each of the planes, (C, H, W), changed by `change(plane, resampling, its top-left value)`.

    Bilinear for floats; whole numbers are class indices, which cannot be mixed, so the nearest one is taken.
    """
    from PIL import Image

    if planes.dtype.kind in "iu":
        taken, how = planes.astype(np.int32), Image.Resampling.NEAREST
    else:
        taken, how = planes, Image.Resampling.BILINEAR
    changed = [np.asarray(change(Image.fromarray(plane), how, plane[0, 0].item())) for plane in taken]
    return np.array(changed, planes.dtype)
