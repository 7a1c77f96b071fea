"""A map of what matters, laid over its picture."""

import numpy as np

from backproof.graph import Array

HEAT = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], np.float64)
"""From nothing to the most: matplotlib's inferno, even in lightness, for every colour vision."""

COVER = 0.85
"""How much of the picture the greatest heat covers."""


def heat_over(picture: Array, heat: Array) -> Array:
    """A picture (H, W) or (H, W, 3) uint8 in gray, and over it the heat, (H, W) of 0..1: (H, W, 3) uint8."""
    below = picture.mean(2) if picture.ndim == 3 else picture
    places = np.clip(heat, 0, 1) * (len(HEAT) - 1)
    colors = np.stack([np.interp(places, np.arange(len(HEAT)), HEAT[:, i]) for i in range(3)], -1)
    cover = (COVER * np.sqrt(np.clip(heat, 0, 1)))[..., None]
    return np.asarray(np.round((1 - cover) * below[..., None] + cover * colors), np.uint8)
