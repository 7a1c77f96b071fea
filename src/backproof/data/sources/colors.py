"""`colors`: 300 small pictures in red, green and blue, varied in hue and texture."""

import colorsys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backproof.data.seeds import GENERATE, generator
from backproof.data.sources.registry import generated

HUES = {"red": 0 / 3, "green": 1 / 3, "blue": 2 / 3}
PER_CLASS = 100
SIDE = 16


@generated("colors", "300 pictures, 16x16 RGB, of red, green and blue in many hues and textures")
def colors(folder: Path, seed: int) -> None:
    """Write the pictures; the channel of the class's colour is the brightest one on average, in each of them."""
    from PIL import Image

    for label, (name, hue) in enumerate(HUES.items()):
        (folder / name).mkdir()
        for number in range(PER_CLASS):
            random = generator(seed, GENERATE, label, number)
            rgb = colorsys.hsv_to_rgb(
                (hue + random.uniform(-0.07, 0.07)) % 1,  # 25 degrees each way; yellow is 60 away from red
                random.uniform(0.55, 1.0),
                random.uniform(0.5, 1.0),
            )
            light = 1 - random.uniform(0.15, 0.45) * _texture(random)
            pixels = light[:, :, None] * np.array(rgb) + random.normal(0, 0.03, (SIDE, SIDE, 3))
            image = Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
            image.save(folder / name / f"{name}-{number:03}.png")


def _texture(random: np.random.Generator) -> npt.NDArray[np.float64]:
    """One of stripes, checks, a blob of shade, or grain: (SIDE, SIDE) of 0..1."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    angle, frequency, phase = random.uniform(0, np.pi), random.uniform(1.5, 4), random.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y
    match random.integers(4):
        case 0:
            return np.asarray(0.5 + 0.5 * np.sin(2 * np.pi * frequency * along + phase))
        case 1:
            cells = np.floor(x * frequency * 2) + np.floor(y * frequency * 2)
            return np.asarray(cells % 2)
        case 2:
            centre_y, centre_x = random.uniform(0.2, 0.8, 2)
            return np.asarray(np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / 0.08))
        case _:
            return random.uniform(0, 1, (SIDE, SIDE))
