"""Small pictures, as PNG data that a page can hold: weights and samples."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

import numpy as np

from backproof.graph import Array

DIVERGING = np.array([[33, 102, 172], [146, 197, 222], [247, 247, 247], [244, 165, 130], [178, 24, 43]], np.float64)
"""Negative blue, zero white, positive red: ColorBrewer's RdBu, safe for colour-blind eyes."""


def image_shape(shape: tuple[int, ...], size: int) -> tuple[int, int, int] | None:
    """Channels, height and width if an array of `size` numbers lies over the pixels of images of this shape."""
    if len(shape) != 3 or shape[0] * shape[1] * shape[2] != size:
        return None
    channels, height, width = shape
    return channels, height, width


def diverging(values: Array, largest: float) -> Array:
    """Values of -largest..largest as colours: uint8, with a last axis of 3."""
    places = np.clip(np.asarray(values, np.float64) / (2 * largest or 1.0) + 0.5, 0, 1) * (len(DIVERGING) - 1)
    anchors = np.arange(len(DIVERGING))
    return np.stack([np.interp(places, anchors, DIVERGING[:, i]) for i in range(3)], -1).round().astype(np.uint8)


def weight_mosaic(weights: Array, shape: tuple[int, int, int] | None, largest: float, columns: int) -> Array:
    """The rows of a weight matrix as pictures side by side: (height, width, 4) uint8, transparent between them.

    Weights over the pixels of an image have its shape: one channel in `DIVERGING` colours, three channels as
    red, green and blue about a middle grey. Other weights are one picture: a row a unit, a column an input.
    """
    if shape is None:
        return opaque(diverging(weights, largest))
    channels, height, width = shape
    units = np.reshape(weights, (len(weights), channels, height, width))
    if channels == 3:
        grey = np.clip(units / (2 * largest or 1.0) + 0.5, 0, 1)
        tiles = (255 * grey.transpose(0, 2, 3, 1)).round().astype(np.uint8)
    else:
        tiles = diverging(units.mean(1), largest)
    rows = -(-len(tiles) // columns)
    mosaic = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1, 4), np.uint8)
    for unit, tile in enumerate(tiles):
        top, left = unit // columns * (height + 1), unit % columns * (width + 1)
        mosaic[top : top + height, left : left + width] = opaque(tile)
    return mosaic


def opaque(colors: Array) -> Array:
    """Colours with a full fourth channel."""
    return np.concatenate([colors, np.full((*colors.shape[:-1], 1), 255, np.uint8)], -1)


def sample_images(samples: Array, shape: tuple[int, int, int]) -> list[Array]:
    """Samples as the model sees them, as (height, width[, 3]) uint8; all share one scale from darkest to brightest."""
    images = np.reshape(np.asarray(samples, np.float64), (len(samples), *shape))
    low, high = float(images.min()), float(images.max())
    pixels = (255 * (images - low) / (high - low or 1.0)).round().astype(np.uint8)
    return [image.transpose(1, 2, 0) if shape[0] == 3 else image.mean(0).astype(np.uint8) for image in pixels]


def data_uri(pixels: Array) -> str:
    """A PNG as a `data:` address."""
    from PIL import Image

    out = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(out.getvalue()).decode()}"


def spread_out(epochs: Sequence[int], most: int = 24) -> list[int]:
    """At most `most` of the epochs, the first and the last among them, evenly."""
    if len(epochs) <= most:
        return list(epochs)
    return [epochs[i] for i in np.unique(np.linspace(0, len(epochs) - 1, most).round().astype(int))]
