"""From a source to one array: every image read and preprocessed, the bad ones left out or reported."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backproof.data.partitions import Ids
from backproof.data.preprocessing import Step
from backproof.data.sources import BadImageError, Source
from backproof.errors import UserError

Samples = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Prepared:
    """All samples of a source after preprocessing.

    x: (M, C, H, W) or (M, D); uint8 where no step made other values of the pixels, else float32.
    ids: (M,) the samples' numbers in the source. skipped: the images left out, each with the reason.
    """

    x: Samples
    ids: Ids
    skipped: tuple[str, ...] = ()


def prepare(source: Source, ids: Ids, steps: Sequence[Step], skip_bad_images: bool) -> Prepared:
    """Read and preprocess the samples `ids` of `source`.

    Raises `UserError` naming the sample: where an image cannot be read (unless bad ones are skipped), where a step
    does not fit it, or where it has another size than the first one.
    """
    if isinstance(source.images, np.ndarray):
        images: Samples = source.images
        if images.ndim == 2 and steps:
            raise UserError(f"dataset '{source.name}' holds vectors, but {type(steps[0]).__name__} is for images.")
        if not steps:
            every = len(ids) == len(source)
            chosen = images if every else images[ids]
            return Prepared(np.moveaxis(chosen, 3, 1) if images.ndim == 4 else chosen, ids)

    samples: list[Samples] = []
    kept: list[int] = []
    skipped: list[str] = []
    for i in ids.tolist():
        try:
            image = source.images[i]
        except BadImageError as error:
            if not skip_bad_images:
                raise UserError(f"{error} Leave such images out with --skip-bad-images.") from error
            skipped.append(str(error))
            continue
        samples.append(_preprocessed(image, steps, source, i))
        kept.append(i)
        if samples[-1].shape[:2] != samples[0].shape[:2]:
            (h0, w0), (h, w) = samples[0].shape[:2], samples[-1].shape[:2]
            raise UserError(
                f"images differ in size: {source.sample_name(kept[0])} is {h0}x{w0} (height x width), "
                f"{source.sample_name(i)} is {h}x{w}{' after preprocessing' * bool(steps)}; "
                f"bring all to one size, such as --resize {h0},{w0}."
            )
    if not samples:
        raise UserError(f"dataset '{source.name}' is empty: none of its {len(ids)} images can be read.")
    return Prepared(_stack(samples), np.array(kept, dtype=np.int64), tuple(skipped))


def _preprocessed(image: Samples, steps: Sequence[Step], source: Source, index: int) -> Samples:
    if not steps:
        return image
    pixels = image.astype(np.float32)
    if image.dtype == np.uint8:
        pixels /= 255
    for step in steps:
        try:
            pixels = step(pixels)
        except UserError as error:
            raise UserError(f"{source.sample_name(index)}: {error}") from error
    return pixels


def _stack(samples: list[Samples]) -> Samples:
    """(M, C, H, W); where some images are gray and others RGB, the gray ones become RGB."""
    channels = max(sample.shape[2] for sample in samples)
    height, width, _ = samples[0].shape
    stack = np.empty((len(samples), channels, height, width), dtype=samples[0].dtype)
    for row, sample in zip(stack, samples, strict=True):
        row[:] = np.moveaxis(sample, 2, 0)
    return stack
