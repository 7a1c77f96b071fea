"""`numbers`: 848 pictures of real handwritten digits, in random ink on random paper."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from backproof.data.seeds import GENERATE, generator
from backproof.data.sources.digits import digits
from backproof.data.sources.registry import generated

COUNT = 848
SIDE = 110
CONTRAST = 0.35  # the least difference in brightness between ink and paper, of 1
GRAIN = 0.008  # standard deviation of the paper's grain, of 1

Floats = npt.NDArray[np.float64]


@generated("numbers", "848 pictures, 110x110 RGB, of real handwritten digits in random ink on random paper")
def numbers(folder: Path, seed: int) -> None:
    """Write the pictures: one of `digits` each, enlarged smoothly, slanted and turned a little.

    About half are dark ink on light paper, the others light on dark; margins vary, and are wide enough that the
    corners are paper.
    """
    from PIL import Image

    source = digits()
    for name in source.targets.names:
        (folder / name).mkdir()
    chosen = np.sort(generator(seed, GENERATE).choice(len(source), COUNT, replace=False))
    for number, sample in enumerate(chosen):
        random = generator(seed, GENERATE, number)
        ink = _ink(source.images[int(sample)][:, :, 0], random)[:, :, None]
        ink_colour, paper_colour = _colours(random)
        picture = paper_colour + ink * (ink_colour - paper_colour) + random.normal(0, GRAIN, (SIDE, SIDE, 1))
        image = Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
        name = source.targets.names[source.y[sample]]
        image.save(folder / name / f"{name}-{number:03}.png", compress_level=1)  # grain hardly compresses


def _ink(digit: npt.NDArray[np.generic], random: np.random.Generator) -> Floats:
    """How much ink is on each pixel, (SIDE, SIDE) of 0..1: the 8x8 `digit` enlarged, slanted, turned and placed."""
    from PIL import Image

    size = random.uniform(50, 88)  # of the digit, in pixels; the rest is margin
    room = (SIDE - size) / 2
    centre = SIDE / 2 + random.uniform(-0.6, 0.6, 2) * room
    turn, slant = np.deg2rad(random.uniform(-10, 10)), random.uniform(-0.2, 0.2)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = (8 / size) * turned @ np.array([[1, slant], [0, 1]])  # from the picture's pixels to the digit's

    padded = np.pad(digit.astype(np.float32), 4)
    offset = np.array([8.0, 8.0]) - matrix @ centre
    affine = (*matrix[0], offset[0], *matrix[1], offset[1])
    smooth = Image.fromarray(padded).transform((SIDE, SIDE), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)
    # A steep ramp about one half gives strokes with edges, where plain enlarging gives a blur.
    return np.clip((np.asarray(smooth, dtype=np.float64) - 0.3) / 0.35, 0, 1)


def _colours(random: np.random.Generator) -> tuple[Floats, Floats]:
    """Ink and paper, RGB of 0..1, far enough apart in brightness; either may be the darker one."""
    while True:
        ink, paper = random.uniform(0, 1, (2, 3))
        if abs((ink - paper) @ (0.299, 0.587, 0.114)) >= CONTRAST:
            return ink, paper
