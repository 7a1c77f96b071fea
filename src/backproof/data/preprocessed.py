"""From a source to one array: every image read and preprocessed, the bad ones skipped or reported."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backproof.data.partitions import Ids
from backproof.data.preprocessing import Spatial, Step
from backproof.data.sources import BadImageError, Source
from backproof.errors import DataError, OptionError, UserError

Samples = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Preprocessed:
    """All samples of a source after preprocessing.

    x: (M, C, H, W) or (M, D); uint8 where no step made other values of the pixels, else float32.
    ids: (M,) the samples' numbers in the source. skipped: the images not used, each with the reason.
    masks: their masks, (M, H, W) whole numbers or (M, 1, H, W) uint8 or float32; None where targets are no masks.
    """

    x: Samples
    ids: Ids
    skipped: tuple[str, ...] = ()
    masks: Samples | None = None


def preprocess(source: Source, ids: Ids, steps: Sequence[Step], skip_bad_images: bool) -> Preprocessed:
    """Read and preprocess the samples `ids` of `source`.

    Raises `UserError` naming the sample: where an image cannot be read (unless bad ones are skipped), where a step
    does not fit it, or where it has another size than the first one.
    """
    if isinstance(source.images, np.ndarray):
        images: Samples = source.images
        if images.ndim == 2 and steps:
            raise DataError(f"dataset '{source.name}' holds vectors, but {type(steps[0]).__name__} is for images")
        if not steps:
            every = slice(None) if len(ids) == len(source) else ids
            whole = np.asarray(source.y)[every] if source.targets.kind == "mask" else None
            return Preprocessed(np.moveaxis(images[every], 3, 1) if images.ndim == 4 else images[every], ids, (), whole)

    samples: list[Samples] = []
    masks: list[Samples | None] = []
    kept: list[int] = []
    skipped: list[str] = []
    for i in ids.tolist():
        try:
            image = source.images[i]
            mask = _mask(source, i, image)
        except BadImageError as error:
            if not skip_bad_images:
                raise OptionError("{}; leave such images out with {skip_bad_images:True}", error) from error
            skipped.append(str(error))
            continue
        image, mask = _preprocessed(image, mask, steps, source, i)
        samples.append(image)
        masks.append(mask)
        kept.append(i)
        if image.shape[:2] != samples[0].shape[:2]:
            (h0, w0), (h, w) = samples[0].shape[:2], image.shape[:2]
            raise OptionError(
                "images differ in size: {} is {}x{} (height x width), {} is {}x{}{}; bring all to one size, such as "
                "{resize:{}}",
                *(source.sample_name(kept[0]), h0, w0),
                *(source.sample_name(i), h, w, " after preprocessing" * bool(steps), f"{h0},{w0}"),
            )
    if not samples:
        raise DataError(f"dataset '{source.name}' is empty: none of its {len(ids)} images can be read")
    return Preprocessed(_stack(samples), np.array(kept, dtype=np.int64), tuple(skipped), _stack_masks(masks, source))


def _mask(source: Source, index: int, image: Samples) -> Samples | None:
    """The mask of a sample, (1, H, W); None where targets are no masks. Raises `BadImageError`."""
    if source.targets.kind != "mask":
        return None
    mask: Samples = source.y[index]
    (height, width), (h, w) = image.shape[:2], mask.shape[-2:]
    if (height, width) != (h, w):
        name = source.sample_name(index)
        raise BadImageError(f"{name} is {height}x{width} (height x width), but its mask {h}x{w}")
    return mask.reshape(1, h, w)


def _preprocessed(
    image: Samples, mask: Samples | None, steps: Sequence[Step], source: Source, index: int
) -> tuple[Samples, Samples | None]:
    if not steps:
        return image, mask
    pixels = as_float(image)
    if mask is not None:
        mask = mask if source.targets.integer else as_float(mask)
    for step in steps:
        try:
            if mask is not None and isinstance(step, Spatial):
                mask = np.moveaxis(step.move(np.moveaxis(mask, 0, 2), pixels), 2, 0)
            pixels = step(pixels)
        except UserError as error:
            raise DataError(f"{source.sample_name(index)}: {error}") from error
    return pixels, mask


def as_float(pixels: Samples) -> npt.NDArray[np.float32]:
    """Bytes 0..255 as 0..1, other numbers as they are."""
    values = pixels.astype(np.float32)
    if pixels.dtype == np.uint8:
        values /= 255
    return values


def _stack(samples: list[Samples]) -> Samples:
    """(M, C, H, W); where some images are gray and others RGB, the gray ones become RGB."""
    channels = max(sample.shape[2] for sample in samples)
    height, width, _ = samples[0].shape
    stack = np.empty((len(samples), channels, height, width), dtype=samples[0].dtype)
    for row, sample in zip(stack, samples, strict=True):
        row[:] = np.moveaxis(sample, 2, 0)
    return stack


def _stack_masks(masks: list[Samples | None], source: Source) -> Samples | None:
    """(M, H, W) class indices or (M, 1, H, W) probabilities."""
    stack = np.array([mask for mask in masks if mask is not None])
    if not len(stack):
        return None
    if source.targets.integer:
        return stack[:, 0]
    greatest = round(stack.max().item() * (1 if stack.dtype == np.uint8 else 255))
    if 0 < greatest < 8 and not isinstance(source.y, np.ndarray):  # hardly a probability in any mask
        raise DataError(
            f"the masks of '{source.name}' hold nothing above {greatest} of 255, so they look like class indices: list "
            f"the classes in {source.where}/classes.txt, one name a line, or save probabilities as 0 to 255"
        )
    return stack
