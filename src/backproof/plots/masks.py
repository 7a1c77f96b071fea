"""Masks laid over their images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from backproof.graph import Array
from backproof.plots.pictures import data_uri
from backproof.plots.theme import COLORS, label, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SIDE = 192
"""Pixels that a small image is made large to."""

FILL = 110
"""Opacity of a predicted class, of 255."""


def overlay(predicted: Array, target: Array) -> Array:
    """What was predicted as a coloured veil, and the border of the true mask as a line: (H, W, 4) uint8.

    Masks are class indices (H, W), of which class 0 is the background and stays clear, or probabilities (1, H, W) of
    a foreground, whose veil is as dense as they are high.
    """
    if predicted.ndim == 3:
        dense, classes, true = np.clip(predicted[0], 0, 1) * 1.0, np.ones(predicted.shape[1:], int), target[0] >= 0.5
    else:
        dense, classes, true = (predicted > 0) * 1.0, predicted, target
    colors = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in COLORS], np.uint8)
    veil = np.empty((*classes.shape, 4), np.uint8)
    veil[..., :3] = colors[classes % len(COLORS)]
    veil[..., 3] = np.round(FILL * np.nan_to_num(dense))
    veil[_border(true)] = (255, 255, 255, 255)
    return veil


def _border(mask: Array) -> Array:
    """Pixels whose right or lower neighbour is of another class."""
    edge = np.zeros(mask.shape, bool)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= mask[:-1] != mask[1:]
    return edge


def laid_over(image: Array, veil: Array) -> Array:
    """An image (H, W) or (H, W, 3) uint8 below its overlay: (H, W, 3) uint8."""
    below = np.broadcast_to(image[..., None] if image.ndim == 2 else image, (*image.shape[:2], 3))
    opacity = veil[..., 3:] / 255
    return np.asarray(np.round(below * (1 - opacity) + veil[..., :3] * opacity), np.uint8)


def wall(images: Sequence[Array], overlays: Sequence[Array], captions: Sequence[str], columns: int = 6) -> "Figure":
    """Images, (H, W) or (H, W, 3) uint8, each below its overlay and above its caption."""
    from plotly.graph_objects import Figure

    figure = Figure()
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    for i, (image, veil, caption) in enumerate(zip(images, overlays, captions, strict=True)):
        left, top = i % columns, rows - i // columns
        pixels = laid_over(image, veil)
        larger = max(1, SIDE // max(pixels.shape[:2]))  # whole pixels: a browser would blur them
        source = data_uri(pixels.repeat(larger, 0).repeat(larger, 1))
        figure.add_layout_image(
            source=source, xref="x", yref="y", x=left + 0.03, y=top - 0.02,
            sizex=0.94, sizey=0.84, sizing="contain", xanchor="left", yanchor="top", layer="above",
        )  # fmt: skip
        figure.add_annotation(x=left + 0.5, y=top - 0.93, text=label(caption), showarrow=False)
    hidden = {"visible": False, "fixedrange": True, "constrain": "domain"}
    figure.update_layout(
        xaxis={"range": [0, columns], **hidden},
        yaxis={"range": [0, rows], "scaleanchor": "x", "constraintoward": "top", **hidden},
        hovermode=False,
        dragmode=False,
        meta={"wide": True},
    )
    return themed(figure, 20 + 190 * rows).update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})
