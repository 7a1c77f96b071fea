"""Preprocessing: what is done to every image, once. Each step takes one image and returns one.

A `Spatial` step moves pixels, and moves a mask as it moves its
image. An image is (H, W, C) float32; pixels of 0..255 have become 0..1 before the first step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.data.options import PreprocessingOptions
from backproof.data.pillow import resampled
from backproof.errors import OptionError

Image = npt.NDArray[np.float32]
Step = Callable[[Image], Image]

BRIGHTNESS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as Pillow's mode L


class Spatial:
    """A step that changes which pixel lies where, in ways that depend on the image's shape and values alone."""

    def __call__(self, image: Image) -> Image:
        """(H, W, C) -> (h, w, C)."""
        return self.move(image, image)

    def move(self, pixels: npt.NDArray[Any], image: Image) -> npt.NDArray[Any]:
        """What becomes of `pixels`, (H, W, any), that belong to `image`: whole numbers are class indices."""
        raise NotImplementedError


@dataclass(frozen=True)
class Grayscale:
    """One channel of brightness, 0.299 R + 0.587 G + 0.114 B; a gray image stays as it is."""

    def __call__(self, image: Image) -> Image:
        """(H, W, C) -> (H, W, 1)."""
        if image.shape[2] == 1:
            return image
        if image.shape[2] != 3:
            raise OptionError("{grayscale} needs 1 or 3 channels, not {}", image.shape[2])
        return (image @ BRIGHTNESS)[:, :, None]


@dataclass(frozen=True)
class MinMax:
    """Stretch linearly so that the least value of all pixels and channels becomes `low`, the greatest `high`.

    The range is centred on 0 because all-positive inputs drive every weight of a unit the same way: a small ReLU
    network with Adam then loses most of its units (LeCun et al., Efficient BackProp, 1998, section 4.3).
    An even image becomes the middle of the range.
    """

    low: float = -1.0
    high: float = 1.0

    def __call__(self, image: Image) -> Image:
        least, greatest = image.min(), image.max()
        if least == greatest:
            return np.full_like(image, (self.low + self.high) / 2)
        unit: Image = (image - least) / (greatest - least)
        return self.low + (self.high - self.low) * unit


@dataclass(frozen=True)
class AdaptiveInvert:
    """Invert, low + high - x, where the top-left pixel is dark, so that paper is light in every image.

    `low` is black and `high` white; dark is a brightness below their middle.
    """

    low: float
    high: float

    def __call__(self, image: Image) -> Image:
        if image.min() < self.low or image.max() > self.high:
            sentence = "{adaptive_invert} needs values of {:g} to {:g}, not {:g} to {:g}; add {minmax:True}"
            raise OptionError(sentence, self.low, self.high, image.min(), image.max())
        corner = image[0, 0]
        brightness = corner @ BRIGHTNESS if len(corner) == 3 else corner.mean()
        return self.low + self.high - image if brightness < (self.low + self.high) / 2 else image


@dataclass(frozen=True)
class Trim(Spatial):
    """Cut the border of the top-left pixel's colour, then pad with it, evenly, to the old aspect ratio.

    A pixel is border when no channel differs from that colour by more than `tolerance` of the image's range.
    """

    tolerance: float = 0.15

    def move(self, pixels: npt.NDArray[Any], image: Image) -> npt.NDArray[Any]:
        """(H, W, C) -> (h, w, C), with h / w as near to H / W as whole pixels allow."""
        height, width, _ = image.shape
        corner = image[0, 0]
        inside = (abs(image - corner) > self.tolerance * (image.max() - image.min())).any(axis=2)
        if not inside.any():
            return pixels
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        cut = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

        h, w, channels = cut.shape
        tall, wide = max(h, round(w * height / width)), max(w, round(h * width / height))
        padded = np.empty((tall, wide, channels), dtype=pixels.dtype)
        padded[:] = pixels[0, 0]
        top, left = (tall - h) // 2, (wide - w) // 2
        padded[top : top + h, left : left + w] = cut
        return padded


@dataclass(frozen=True)
class Resize(Spatial):
    """Bring to (height, width), bilinear; when shrinking every pixel counts (Pillow's antialiasing).

    Of class indices the nearest is taken.
    """

    height: int
    width: int

    def move(self, pixels: npt.NDArray[Any], image: Image) -> npt.NDArray[Any]:  # noqa: ARG002  the size is given
        """(H, W, C) -> (height, width, C)."""
        size = (self.width, self.height)
        if pixels.shape[:2] == (self.height, self.width):
            return pixels
        resized = resampled(np.moveaxis(pixels, 2, 0), lambda plane, how, _: plane.resize(size, how))
        return np.ascontiguousarray(np.moveaxis(resized, 0, 2))


@dataclass(frozen=True)
class Standardize:
    """Mean 0 and standard deviation 1 over the pixels and channels of the image.

    TensorFlow's `per_image_standardization`, without its least deviation of 1/√values. Nothing is learnt from other
    images, so nothing leaks from dev and test samples. An even image becomes 0.
    """

    def __call__(self, image: Image) -> Image:
        if image.min() == image.max():  # its mean is rounded, so that its deviation need not be 0
            return np.zeros_like(image)
        standard: Image = (image - image.mean()) / image.std()
        return standard


def steps_of(options: PreprocessingOptions) -> tuple[Step, ...]:
    """The steps of these options, in the order in which they are done (flattening is a matter of the whole array)."""
    steps: list[Step] = []
    if options.grayscale:
        steps.append(Grayscale())
    if options.minmax:
        steps.append(MinMax())
    if options.adaptive_invert:
        steps.append(AdaptiveInvert(MinMax.low if options.minmax else 0.0, 1.0))
    if options.trim:
        steps.append(Trim())
    if options.resize:
        steps.append(Resize(*options.resize))
    if options.standardize:
        steps.append(Standardize())
    return tuple(steps)
