"""From an image to what the network takes, by the code that training uses, and the way back for masks."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.data.options import PreprocessingOptions
from backproof.data.pillow import resampled
from backproof.data.preprocessed import as_float
from backproof.data.preprocessing import Box, Spatial, steps_of
from backproof.data.sources.source import Image
from backproof.errors import OptionError, UserError
from backproof.graph import Array
from backproof.infer.loaded import LoadedModel


@dataclass(frozen=True)
class Sample:
    """One sample as the network takes it.

    Attributes:
        x: (C, H, W) or (D,) float32.
        box: the part of the image that lies below `x`.
    """

    x: Array
    box: Box


class Preparation:
    """What is done to each image for one model."""

    def __init__(self, model: LoadedModel, given: PreprocessingOptions | None = None) -> None:
        """`given` instead of the model's own preprocessing; where neither is known, pixels of 0..255 become 0..1."""
        self.options = given or model.preprocessing or PreprocessingOptions()
        self.steps = steps_of(replace(self.options, flatten=False))
        self.model = model
        self.input: tuple[int, ...] = tuple(map(int, model.input[1:]))
        shape = model.image_shape
        self.image_shape = shape if len(self.input) == 3 or self.options.flatten else ()

    def __call__(self, image: Image) -> Sample:
        """(H, W, C) uint8 or float, or a vector (D,) -> a sample. Raises `UserError` for what does not fit."""
        if image.ndim == 1:
            if image.shape != self.input:
                raise UserError(f"it has {len(image)} numbers, and the network takes samples of {self._taken}")
            return Sample(as_float(image), (0, 0, 1, len(image)))
        pixels, box = as_float(image), (0.0, 0.0, float(image.shape[0]), float(image.shape[1]))
        for step in self.steps:
            if isinstance(step, Spatial):
                box = _within(box, step.box(pixels), pixels.shape[:2])
            pixels = step(pixels)
        x = np.moveaxis(pixels, 2, 0)
        if self.options.flatten and not self.image_shape:
            if x.size != int(np.prod(self.input)):
                raise OptionError(f"it has {x.size} values, and the network takes {self._taken}; {{resize}} changes it")
            return Sample(np.ascontiguousarray(x.reshape(-1)), box)
        self._require_fit(x.shape)
        if len(x) == 1 and self.image_shape[0] == 3:  # as training does with gray images among coloured ones
            x = np.repeat(x, 3, axis=0)
        return Sample(np.ascontiguousarray(x.reshape(-1) if self.options.flatten else x), box)

    @property
    def _taken(self) -> str:
        return "x".join(map(str, self.input))

    def _require_fit(self, shape: tuple[int, ...]) -> None:
        if not self.image_shape:
            raise OptionError(
                "it is an image, and the network takes rows of {} numbers; {flatten:True} makes one", self._taken
            )
        channels, height, width = self.image_shape
        if shape[1:] != (height, width):
            raise OptionError(
                "it is {}x{} (height x width){}, and the network takes {}x{}; bring it to that size with {resize:{}}",
                *shape[1:],
                " after preprocessing" if self.steps else "",
                height,
                width,
                f"{height},{width}",
            )
        if shape[0] == 3 and channels == 1:
            raise OptionError("it has 3 channels, and the network takes 1; {grayscale:True} makes one of brightness")
        if shape[0] not in (1, channels):
            raise UserError(f"it has {shape[0]} channels, and the network takes {channels}")
        if shape[0] != channels and channels != 3:
            raise UserError(f"it has 1 channel, and the network takes {channels}")


def _within(box: Box, part: Box, size: tuple[int, ...]) -> Box:
    """Where a part of the pixels, of so many rows and columns, that show `box` of the image lies in that image."""
    (top, left, height, width), (down, right, tall, wide) = box, part
    rows, columns = height / size[0], width / size[1]
    return top + down * rows, left + right * columns, tall * rows, wide * columns


def laid_back(planes: npt.NDArray[Any], box: Box, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Planes (K, h, w) that show `box` of an image of `size`, brought to that size, bilinear: (K, H, W), 0 outside."""
    top, left, height, width = box
    first, last = (round(top), round(left)), (round(top + height), round(left + width))
    shape = (max(1, last[0] - first[0]), max(1, last[1] - first[1]))
    large = resampled(np.asarray(planes, np.float32), lambda plane, how, _: plane.resize((shape[1], shape[0]), how))
    if first == (0, 0) and shape == size:
        return large
    whole = np.zeros((len(planes), *size), np.float32)
    y0, x0, y1, x1 = max(first[0], 0), max(first[1], 0), min(last[0], size[0]), min(last[1], size[1])
    whole[:, y0:y1, x0:x1] = large[:, y0 - first[0] : y1 - first[0], x0 - first[1] : x1 - first[1]]
    return whole
