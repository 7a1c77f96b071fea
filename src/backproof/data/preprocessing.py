"""Preprocessing: what is done to every image, once. Each step takes one image and returns one.

A `Spatial` step moves pixels, and moves a mask as it moves its
image. An image is (H, W, C) float32; pixels of 0..255 have become 0..1 before the first step.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from backproof.data.options import PreprocessingOptions
from backproof.data.pillow import resampled
from backproof.errors import DataError, OptionError

Box = tuple[float, float, float, float]
"""Top, left, height and width in pixels of an image; it may reach over the border."""

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

    def box(self, image: Image) -> Box:
        """The part of `image` that the result shows: all of it, unless said otherwise."""
        return 0, 0, *image.shape[:2]


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
        inside = self._inside(image)
        if inside is None:
            return pixels
        rows, columns = inside
        cut = pixels[rows, columns]
        (h, w, channels), (tall, wide, top, left) = cut.shape, self._padded(cut.shape, image)
        padded = np.empty((tall, wide, channels), dtype=pixels.dtype)
        padded[:] = pixels[0, 0]
        padded[top : top + h, left : left + w] = cut
        return padded

    def box(self, image: Image) -> Box:
        inside = self._inside(image)
        if inside is None:
            return super().box(image)
        rows, columns = inside
        size = (rows.stop - rows.start, columns.stop - columns.start)
        tall, wide, top, left = self._padded(size, image)
        return rows.start - top, columns.start - left, tall, wide

    def _inside(self, image: Image) -> tuple[slice, slice] | None:
        """The rows and columns within the border; None of an image that is nothing but border."""
        inside = (abs(image - image[0, 0]) > self.tolerance * (image.max() - image.min())).any(axis=2)
        if not inside.any():
            return None
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

    @staticmethod
    def _padded(cut: tuple[int, ...], image: Image) -> tuple[int, int, int, int]:
        """Height and width that a cut of (h, w, ...) is padded to, and where it then lies: top and left."""
        (h, w, *_), (height, width, _) = cut, image.shape
        tall, wide = max(h, round(w * height / width)), max(w, round(h * width / height))
        return tall, wide, (tall - h) // 2, (wide - w) // 2


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
class PlainResize(Resize):
    """Bring to (height, width), bilinear between the four pixels around each place, however much smaller it becomes.

    So do OpenCV, PyTorch's `interpolate` and the authors of U²-Net.
    """

    def move(self, pixels: npt.NDArray[Any], image: Image) -> npt.NDArray[Any]:  # noqa: ARG002  the size is given
        """(H, W, C) -> (height, width, C)."""
        from PIL.Image import Transform

        if pixels.shape[:2] == (self.height, self.width):
            return pixels
        size = (self.width, self.height)
        places = (pixels.shape[1] / self.width, 0, 0, 0, pixels.shape[0] / self.height, 0)
        planes = np.ascontiguousarray(np.moveaxis(pixels, 2, 0))
        resized = resampled(planes, lambda plane, how, _: plane.transform(size, Transform.AFFINE, places, how))
        return np.ascontiguousarray(np.moveaxis(resized, 0, 2))


@dataclass(frozen=True)
class ResizeShorter(Spatial):
    """Bring the shorter side to `side`, bilinear as `Resize`; height and width keep their proportion.

    torchvision's `Resize(side)`: the longer side is cut off to whole pixels, int(side · longer / shorter).
    """

    side: int

    def move(self, pixels: npt.NDArray[Any], image: Image) -> npt.NDArray[Any]:
        """(H, W, C) -> (side, w, C) or (h, side, C)."""
        height, width, _ = image.shape
        shorter = min(height, width)
        return Resize(self.side * height // shorter, self.side * width // shorter).move(pixels, image)


@dataclass(frozen=True)
class CenterCrop(Spatial):
    """Cut (height, width) out of the middle; torchvision's `CenterCrop`, but a smaller image is refused, not padded."""

    height: int
    width: int

    def move(self, pixels: npt.NDArray[Any], image: Image) -> npt.NDArray[Any]:
        """(H, W, C) -> (height, width, C)."""
        top, left, height, width = map(int, self.box(image))
        return pixels[top : top + height, left : left + width]

    def box(self, image: Image) -> Box:
        height, width, _ = image.shape
        if height < self.height or width < self.width:
            wanted = f"{self.height},{self.width}"
            raise OptionError(
                "{center_crop:{}} is more than the image has, {}x{}; {resize} first", wanted, height, width
            )
        return round((height - self.height) / 2), round((width - self.width) / 2), self.height, self.width


@dataclass(frozen=True)
class DivideByMax:
    """Divide by the image's greatest value: its brightest pixel becomes 1. A black image stays as it is.

    What U²-Net's authors do before mean and deviation (`ToTensorLab` of their data loader).
    """

    def __call__(self, image: Image) -> Image:
        greatest = image.max()
        if greatest <= 0:
            return image
        divided: Image = image / greatest
        return divided


@dataclass(frozen=True)
class Normalize:
    """(x - mean) / std, one of each a channel or one for all; torchvision's `Normalize`.

    Of a gray image three of each make one of three channels, as of the same image in RGB.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __call__(self, image: Image) -> Image:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, image.shape[2]) and image.shape[2] != 1:
                given = ",".join(f"{value:g}" for value in values)
                sentence = f"{{{name}:{{}}}} has {{}} values, and the image {{}} channels"
                raise OptionError(sentence, given, len(values), image.shape[2])
        mean, std = (np.array(values, dtype=np.float32) for values in (self.mean, self.std))
        normal: Image = (image - mean) / std
        return normal


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
    if len(options.resize) == 2:
        steps.append((Resize if options.antialias else PlainResize)(*options.resize))
    elif options.resize:
        steps.append(ResizeShorter(*options.resize))
    if options.center_crop:
        steps.append(CenterCrop(options.center_crop[0], options.center_crop[-1]))
    if options.divide_by_max:
        steps.append(DivideByMax())
    if options.standardize:
        steps.append(Standardize())
    if options.mean or options.std:
        steps.append(Normalize(options.mean or Normalize.mean, options.std or Normalize.std))
    return tuple(steps)


def size_after(options: PreprocessingOptions) -> tuple[int, ...]:
    """Height and width that every image has after these options; () where they leave sizes apart."""
    crop = options.center_crop
    return (crop[0], crop[-1]) if crop else options.resize if len(options.resize) == 2 else ()


def preprocessing_json(options: PreprocessingOptions) -> str:
    """What differs from the defaults, as a model's file keeps it: {"resize": [224, 224], "mean": [0.5]}."""
    usual = PreprocessingOptions()
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    return json.dumps({name: value for name, value in values.items() if value != getattr(usual, name)})


def preprocessing_from_json(text: str, where: str) -> PreprocessingOptions:
    """What `preprocessing_json` wrote, found in `where`. Raises `UserError` for anything else."""
    try:
        values = msgspec.json.decode(text, type=dict[str, Any])
        strange = values.keys() - {field.name for field in fields(PreprocessingOptions)}
        if strange:
            raise DataError(f"{where}: its preprocessing has the step '{min(strange)}', which this version has not")
        return msgspec.convert(values, PreprocessingOptions)
    except (msgspec.MsgspecError, OptionError) as error:
        raise DataError(f"{where}: its preprocessing cannot be understood ({error})") from error
