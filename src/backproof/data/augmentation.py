"""Augmentation: what is done to a training sample at random. Each step takes an image and a generator.

An image is (C, H, W) float32. The generator comes from (data seed, epoch, sample id, clone), so that the result
depends neither on the batch size nor on the order of the samples.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backproof.data.options import AugmentationOptions
from backproof.data.partitions import Ids
from backproof.data.seeds import AUGMENT, generator
from backproof.errors import UserError

Image = npt.NDArray[np.float32]
RandomStep = Callable[[Image, np.random.Generator], Image]


@dataclass(frozen=True)
class Rotate:
    """Turn about the centre by an angle uniform in [-degrees, degrees], bilinear; the canvas keeps its size.

    What comes in at the corners has the top-left pixel's colour.
    """

    degrees: float

    def __call__(self, image: Image, random: np.random.Generator) -> Image:
        """(C, H, W) -> (C, H, W)."""
        from PIL import Image as Pillow

        angle = random.uniform(-self.degrees, self.degrees)
        bilinear = Pillow.Resampling.BILINEAR
        turned = [Pillow.fromarray(c).rotate(angle, bilinear, fillcolor=float(c[0, 0])) for c in image]
        return np.stack([np.asarray(channel) for channel in turned])


@dataclass(frozen=True)
class CropBack:
    """Pad by `pixels` on each side with the top-left pixel's colour, and crop back to the old size at random.

    As in He et al. 2015, section 4.2, who pad with zeros.
    """

    pixels: int

    def __call__(self, image: Image, random: np.random.Generator) -> Image:
        """(C, H, W) -> (C, H, W)."""
        channels, height, width = image.shape
        p = self.pixels
        padded = np.empty((channels, height + 2 * p, width + 2 * p), dtype=image.dtype)
        padded[:] = image[:, :1, :1]
        padded[:, p : p + height, p : p + width] = image
        top, left = random.integers(0, 2 * p + 1, size=2)
        return padded[:, top : top + height, left : left + width]


@dataclass(frozen=True)
class Noise:
    """x + sigma N(0, 1), each value by itself; nothing is clipped."""

    sigma: float

    def __call__(self, image: Image, random: np.random.Generator) -> Image:
        """Any shape -> the same shape."""
        return image + np.float32(self.sigma) * random.standard_normal(image.shape, dtype=np.float32)


class Augmentation:
    """The random steps of these options, for samples of one shape; false where there are none."""

    def __init__(self, options: AugmentationOptions, image_shape: tuple[int, ...], data_seed: int) -> None:
        steps: list[RandomStep] = []
        if options.rotate:
            steps.append(Rotate(options.rotate))
        if options.crop:
            steps.append(CropBack(options.crop))
        if steps and not image_shape:
            raise UserError("--rotate and --crop are for images, but the samples of this dataset are vectors.")
        if options.noise:
            steps.append(Noise(options.noise))
        self.steps = steps
        self.image_shape = image_shape
        self.data_seed = data_seed

    def __bool__(self) -> bool:
        return bool(self.steps)

    def apply(self, x: npt.NDArray[np.float32], epoch: int, ids: Ids, clones: Ids) -> None:
        """Augment the rows of x in place, (n, C, H, W) or (n, D)."""
        for row, sample, clone in zip(x, ids.tolist(), clones.tolist(), strict=True):
            random = generator(self.data_seed, AUGMENT, epoch, sample, clone)
            image = row.reshape(self.image_shape or row.shape)
            for step in self.steps:
                image = step(image, random)
            row[:] = image.reshape(row.shape)
