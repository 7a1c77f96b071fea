"""`shapes`: 300 pictures of circles, squares and triangles, and masks that say which pixel is what."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.data.seeds import GENERATE, generator
from backproof.data.sources.registry import generated

Array = npt.NDArray[Any]

CLASSES = ("background", "circle", "square", "triangle")
COLOURS = (0, 0, 0, 230, 159, 0, 86, 180, 233, 0, 158, 115)  # of the masks' palette, RGB for each class
COUNT = 300
SIDE = 64
CONTRAST = 0.25  # the least distance of a shape's colour from the paper's, of each channel 0..1
GRAIN = 0.04  # standard deviation of the noise on every value


@generated("shapes", "300 pictures, 64x64 RGB, of circles, squares and triangles, with masks of these classes")
def shapes(folder: Path, seed: int) -> None:
    """Write pictures of one to three shapes, of any colour, size and angle, on paper that shades from side to side.

    Later shapes cover earlier ones, in picture and mask alike. Colour says nothing about the class.
    """
    from PIL import Image

    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    for number in range(COUNT):
        random = generator(seed, GENERATE, number)
        first, second = random.uniform(0, 1, (2, 3))
        slope = random.uniform(0, 2 * np.pi)
        shade = 0.5 + ((x - SIDE / 2) * np.cos(slope) + (y - SIDE / 2) * np.sin(slope)) / (SIDE * np.sqrt(2))
        paper = first + shade[:, :, None] * (second - first) * 0.5
        picture, mask = paper.copy(), np.zeros((SIDE, SIDE), np.uint8)
        for _ in range(random.integers(1, 4)):
            label = int(random.integers(1, len(CLASSES)))
            radius, turn = random.uniform(11, 20), random.uniform(0, 2 * np.pi)
            centre_y, centre_x = random.uniform(radius * 0.7, SIDE - radius * 0.7, 2)
            inside = _inside(CLASSES[label], x - centre_x, y - centre_y, radius, turn)
            colour = random.uniform(0, 1, 3)
            while np.linalg.norm(colour - paper[int(centre_y), int(centre_x)]) < CONTRAST * np.sqrt(3):
                colour = random.uniform(0, 1, 3)
            picture[inside], mask[inside] = colour, label
        picture += random.normal(0, GRAIN, picture.shape)
        Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)).save(folder / f"images/{number:03}.png")
        indices = Image.fromarray(mask)
        indices.putpalette(COLOURS)
        indices.save(folder / f"masks/{number:03}.png")


def _inside(shape: str, x: Array, y: Array, radius: float, turn: float) -> Array:
    """Which of the places (x, y), seen from the centre, are in the shape with this radius of its circumcircle."""
    if shape == "circle":
        disc: Array = x**2 + y**2 <= (0.85 * radius) ** 2
        return disc
    corners = 4 if shape == "square" else 3
    sides = turn + 2 * np.pi * np.arange(corners) / corners
    reach = np.cos(np.pi / corners) * radius  # from the centre to the middle of a side
    within: Array = np.all([np.cos(side) * x + np.sin(side) * y <= reach for side in sides], axis=0)
    return within
