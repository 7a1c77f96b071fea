"""Looking at data: a summary of a dataset, and a contact sheet of its samples."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backproof.data import sources
from backproof.data.loading import divide
from backproof.data.options import DataOptions
from backproof.data.pictures import Row, picture, save_sheet
from backproof.data.sources import BadImageError, Source
from backproof.data.sources.folder import ImageFiles
from backproof.data.sources.images import read_header
from backproof.data.sources.source import Image, Images
from backproof.data.split import Indices, selected
from backproof.errors import UserError


@dataclass(frozen=True)
class DatasetSummary:
    """What `backproof data show` tells of a dataset.

    Attributes
    ----------
    name, kind, where
        What it is called, what it was read from, and its path.
    samples
        How many samples there are, those that cannot be read left out.
    counts
        Samples of each class.
    smallest, largest
        Least and greatest (height, width) of the images; () for vectors.
    modes
        Samples of each mode (L, RGB, ...) or, where images are no files, of each type and number of channels.
    partitions
        Samples of train, dev and test; empty where the dataset cannot be divided so.
    unreadable
        Images whose header cannot be read, each with the reason.
    notes
        What else a user should know, such as why it cannot be divided.
    """

    name: str
    kind: str
    where: str
    samples: int
    counts: dict[str, int]
    smallest: tuple[int, ...]
    largest: tuple[int, ...]
    modes: dict[str, int]
    partitions: dict[str, int]
    unreadable: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of their indices."""
        return tuple(self.counts)


def describe(data: DataOptions) -> DatasetSummary:
    """Look at a dataset, of image files at their headers only; it also describes data that cannot be trained on."""
    source = sources.find(data.dataset, data.data_dir)
    ids = selected(data.select, len(source))
    notes = list(source.notes)
    unreadable: list[str] = []
    sizes: set[tuple[int, ...]] = set()
    modes: dict[str, int] = {}
    good = []
    if isinstance(source.images, np.ndarray):
        good = ids.tolist()
        _, *shape = source.images.shape
        sizes = {tuple(shape[:2])} if len(shape) == 3 else set()
        modes = {_kind(source.images.dtype, tuple(shape)): len(good)}
    else:
        for i in ids.tolist():
            try:
                size, mode = _look(source.images, i)
            except BadImageError as error:
                unreadable.append(str(error))
                continue
            good.append(i)
            sizes.add(size)
            modes[mode] = modes.get(mode, 0) + 1

    kept = np.array(good, dtype=np.int64)
    partitions = {}
    try:
        parts = divide(source, kept, data.split, data.data_seed)
        partitions = {name: len(part) for name, part in zip(("train", "dev", "test"), parts, strict=True)}
    except UserError as error:
        notes.append(str(error))
    counts = np.bincount(source.y[kept], minlength=len(source.targets.names)).tolist()
    return DatasetSummary(
        name=source.name,
        kind=source.kind,
        where=source.where,
        samples=len(good),
        counts=dict(zip(source.targets.names, counts, strict=True)),
        smallest=tuple(map(min, zip(*sizes, strict=True))),
        largest=tuple(map(max, zip(*sizes, strict=True))),
        modes=modes,
        partitions=partitions,
        unreadable=tuple(unreadable),
        notes=tuple(notes),
    )


def _look(images: Images, index: int) -> tuple[tuple[int, ...], str]:
    """Size and mode of one sample that is read when asked for; of a file without decoding it."""
    if isinstance(images, ImageFiles):
        return read_header(images.paths[index])
    image = images[index]
    return image.shape[:2], _kind(image.dtype, image.shape)


def _kind(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """ "uint8 x 3 channels", "float32 vectors of 4"."""
    what = f"x {shape[-1]} channel{'s' * (shape[-1] > 1)}" if len(shape) == 3 else f"vectors of {shape[0]}"
    return f"{dtype} {what}"


def contact_sheet(data: DataOptions, path: str | Path, per_class: int = 8) -> None:
    """Write a PNG with samples of every class, evenly taken from its files, as they are before preprocessing.

    Of numbers that are no pixels, 0 is black and 1 is white, or the least and greatest value where these lie beyond.
    Raises `UserError` where the dataset holds vectors, or the file cannot be written.
    """
    if per_class < 1:
        raise UserError(f"--per-class is {per_class}; it must be 1 or more.")
    source = sources.find(data.dataset, data.data_dir)
    if isinstance(source.images, np.ndarray) and source.images.ndim == 2:
        raise UserError(f"dataset '{source.name}' holds vectors, not images: there is nothing to draw.")
    ids = selected(data.select, len(source))
    members = [ids[source.y[ids] == label] for label in range(len(source.targets.names))]
    shown = [_readable(source, own, per_class) for own in members]
    numbers = [image for images, _ in shown for image in images if image.dtype != np.uint8]
    low, high = min([0.0, *map(np.min, numbers)]), max([1.0, *map(np.max, numbers)])
    rows = []
    for name, own, (images, bad) in zip(source.targets.names, members, shown, strict=True):
        remark = f"{len(own):,}" + (f", {bad} unreadable" if bad else "")
        rows.append(Row([picture(image, low, high) for image in images], name, remark))
    title = f"{source.name}: {len(ids):,} samples, {len(source.targets.names)} classes"
    save_sheet(Path(path), title, rows, side=72)


def _readable(source: Source, members: Indices, count: int) -> tuple[list[Image], int]:
    """Up to `count` samples, evenly spaced, and how many of these cannot be read."""
    spaced = np.unique(np.linspace(0, len(members) - 1, count).astype(int)) if len(members) else ()
    readable = []
    for i in (int(members[position]) for position in spaced):
        try:
            readable.append(source.images[i])
        except BadImageError:
            continue
    return readable, len(spaced) - len(readable)
