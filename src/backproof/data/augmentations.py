"""Augmentation: what is done to a training sample at random. Each step takes an image and a generator.

An image is (C, H, W) float32. The generator comes from (data seed, epoch, sample id, clone), so that the result
depends neither on the batch size nor on the order of the samples.
"""

import inspect
from ast import literal_eval
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.data.options import AugmentationOptions
from backproof.data.partitions import Ids
from backproof.data.pillow import resampled
from backproof.data.seeds import AUGMENT, generator
from backproof.data.targets import Targets
from backproof.errors import DataError, OptionError
from backproof.registry import Registry
from backproof.user_file import reporting_failures

Image = npt.NDArray[Any]
RandomStep = Callable[..., Image]

AUGMENTATIONS: Registry[RandomStep] = Registry("augmentation", inspect.isfunction)


def augmentation(name: str, *, spatial: bool = False) -> Callable[[RandomStep], RandomStep]:
    """Register a function (image, random, **settings), which `--augment NAME,setting=value` then calls.

    It gets (C, H, W) float32 (vectors: (D,)) and a NumPy generator, writes into neither, and returns the same shape. A
    `spatial` one gets masks too, (1, H, W), of class indices as whole numbers: these it must not mix, and what it draws
    must not depend on C.
    """

    def register(step: RandomStep) -> RandomStep:
        step.spatial = spatial  # type: ignore[attr-defined]  # functions take attributes
        AUGMENTATIONS.add(name, step)
        return step

    return register


@augmentation("rotate", spatial=True)
def rotate(image: Image, random: np.random.Generator, degrees: float = 15.0) -> Image:
    """Turn about the centre by an angle uniform in [-degrees, degrees], bilinear; the canvas keeps its size.

    What comes in at the corners has the top-left pixel's colour.
    """
    angle = random.uniform(-degrees, degrees)
    return resampled(image, lambda plane, how, corner: plane.rotate(angle, how, fillcolor=corner))


@augmentation("crop", spatial=True)
def crop(image: Image, random: np.random.Generator, pixels: int = 4) -> Image:
    """Pad by `pixels` on each side with the top-left pixel's colour, and crop back to the old size at random.

    As in He et al. 2015, section 4.2, who pad with zeros.
    """
    channels, height, width = image.shape
    p = pixels
    padded = np.empty((channels, height + 2 * p, width + 2 * p), dtype=image.dtype)
    padded[:] = image[:, :1, :1]
    padded[:, p : p + height, p : p + width] = image
    top, left = random.integers(0, 2 * p + 1, size=2)
    return padded[:, top : top + height, left : left + width]


@augmentation("flip", spatial=True)
def flip(image: Image, random: np.random.Generator, probability: float = 0.5) -> Image:
    """Mirror left and right, with this probability."""
    return image[:, :, ::-1] if random.random() < probability else image


@augmentation("flip_vertical", spatial=True)
def flip_vertical(image: Image, random: np.random.Generator, probability: float = 0.5) -> Image:
    """Mirror top and bottom, with this probability."""
    return image[:, ::-1] if random.random() < probability else image


@augmentation("resized_crop", spatial=True)
def resized_crop(image: Image, random: np.random.Generator, scale: float = 0.5) -> Image:
    """Take a window of the image's proportions, somewhere in it, and bring it to the old size, bilinear.

    Its share of the area is uniform in [scale, 1], as in torchvision's `RandomResizedCrop` with the ratio kept.
    """
    if not 0 < scale <= 1:
        raise OptionError("{augment:{}} is a share of the area above 0 and up to 1", f"resized_crop,scale={scale:g}")
    _, height, width = image.shape
    side = np.sqrt(random.uniform(scale, 1))
    left, top = random.uniform(0, 1 - side, 2) * (width, height)
    window = (left, top, min(left + side * width, width), min(top + side * height, height))
    return resampled(image, lambda plane, how, _: plane.resize((width, height), how, window))


@augmentation("noise")
def noise(image: Image, random: np.random.Generator, sigma: float = 0.1) -> Image:
    """x + sigma N(0, 1), each value by itself; nothing is clipped."""
    noisy: Image = image + np.float32(sigma) * random.standard_normal(image.shape, dtype=np.float32)
    return noisy


class Augmentation:
    """The random steps of these options, for samples of one shape; false where there are none."""

    def __init__(self, options: AugmentationOptions, image_shape: tuple[int, ...], data_seed: int) -> None:
        with_options: dict[str, dict[str, Any]] = {
            "rotate": {"degrees": options.rotate},
            "crop": {"pixels": options.crop},
            "noise": {"sigma": options.noise},
        }
        self.steps = [(name, AUGMENTATIONS[name], given) for name, given in with_options.items() if any(given.values())]
        self.steps += [_parsed(text) for text in options.augment]
        for name, step, _ in self.steps:
            if _spatial(step) and not image_shape:
                option, value = (f"{{{name}}}", ()) if name in with_options else ("{augment:{}}", (name,))
                raise OptionError(option + " is for images, but the samples of this dataset are vectors", *value)
        self.image_shape = image_shape
        self.data_seed = data_seed

    def __bool__(self) -> bool:
        return bool(self.steps)

    def apply(self, x: npt.NDArray[np.float32], y: Targets, epoch: int, ids: Ids, clones: Ids) -> None:
        """Augment the rows of x, (n, C, H, W) or (n, D), in place, and those of y where they are masks."""
        masks = y.ndim > 2
        for i, (sample, clone) in enumerate(zip(ids.tolist(), clones.tolist(), strict=True)):
            random = generator(self.data_seed, AUGMENT, epoch, sample, clone)
            image = x[i].reshape(self.image_shape or x[i].shape)
            mask = y[i].reshape(1, *y.shape[-2:]) if masks else None
            for name, step, settings in self.steps:
                if mask is not None and _spatial(step):
                    mask = _done(name, step, mask, deepcopy(random), settings)
                image = _done(name, step, image, random, settings)
            x[i] = image.reshape(x[i].shape)
            if mask is not None:
                y[i] = mask.reshape(y[i].shape)


def _spatial(step: RandomStep) -> bool:
    return getattr(step, "spatial", False)


def _done(
    name: str, step: RandomStep, image: Image, random: np.random.Generator, settings: Mapping[str, object]
) -> Image:
    try:
        made = step(image, random, **settings)
    except Exception:
        with reporting_failures(step, f"augmentation '{name}'"):
            raise
    if getattr(made, "shape", ()) != image.shape:
        raise DataError(f"augmentation '{name}' made {np.shape(made)} of {image.shape}; it must keep the shape")
    return made


def _parsed(text: str) -> tuple[str, RandomStep, dict[str, Any]]:
    """ "cutout,size=8" -> the name, the step called so, and {"size": 8}."""
    name, *given = (part.strip() for part in text.split(","))
    step, settings = AUGMENTATIONS.require(name), {}
    takes = dict(list(inspect.signature(step).parameters.items())[2:])
    for setting in given:
        key, equals, value = setting.partition("=")
        if not equals or key not in takes:
            known = ", ".join(f"{key}=..." for key in takes) or "no settings"
            raise OptionError("{augment:{}}: '{}' takes {}, not '{}'", text, name, known, setting)
        try:
            settings[key] = literal_eval(value)
        except (ValueError, SyntaxError):
            settings[key] = value
        default = takes[key].default
        number = int if isinstance(default, int) else (int, float)
        if isinstance(default, int | float) and not isinstance(settings[key], number):
            whole = "whole " if number is int else ""
            raise OptionError("{augment:{}}: {} is '{}'; it must be a {}number", text, key, value, whole)
    return name, step, settings
