"""Looking at data: a summary of a dataset, and a contact sheet of its samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from backproof.data import sources
from backproof.data.loading import divide
from backproof.data.options import DataOptions
from backproof.data.pictures import Row, picture, rows_of, save_sheet
from backproof.data.sources import BadImageError, Source
from backproof.data.sources.folder import ImageFiles
from backproof.data.sources.images import read_header
from backproof.data.sources.source import Image, Images
from backproof.data.split import Indices, selected
from backproof.data.targets import TargetSpec
from backproof.errors import DataError, OptionError, UserError

T = TypeVar("T")


@dataclass(frozen=True)
class DatasetSummary:
    """What `backproof data show` shows of a dataset.

    Attributes
    ----------
    name, kind, where
        What it is called, what it was read from, and its path.
    samples
        How many samples there are, without those that cannot be read.
    targets
        What its targets are; class names are in the order of their indices.
    counts
        Samples of each class; {} where targets are no classes.
    table
        A heading and lines about the targets: samples of each class, pixels of masks, or the range of numbers.
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
    targets: TargetSpec
    counts: dict[str, int]
    table: tuple[tuple[str, ...], ...]
    smallest: tuple[int, ...]
    largest: tuple[int, ...]
    modes: dict[str, int]
    partitions: dict[str, int]
    unreadable: tuple[str, ...]
    notes: tuple[str, ...]


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
    counts = {}
    if source.targets.kind == "class":
        every = np.bincount(np.asarray(source.y)[kept], minlength=len(source.targets.names)).tolist()
        counts = dict(zip(source.targets.names, every, strict=True))
    return DatasetSummary(
        name=source.name,
        kind=source.kind,
        where=source.where,
        samples=len(good),
        targets=source.targets,
        counts=counts,
        table=_target_table(source, kept, counts),
        smallest=tuple(map(min, zip(*sizes, strict=True))),
        largest=tuple(map(max, zip(*sizes, strict=True))),
        modes=modes,
        partitions=partitions,
        unreadable=tuple(unreadable),
        notes=tuple(notes),
    )


def _target_table(source: Source, ids: Indices, counts: dict[str, int]) -> tuple[tuple[str, ...], ...]:
    """What there is to say about the targets of these samples; masks are looked at in up to 100 of them."""
    names = source.targets.names
    if source.targets.kind == "class":
        return ("class", "samples"), *((name, f"{count:,}") for name, count in counts.items())
    if source.targets.kind == "number":
        y = np.asarray(source.y)[ids]
        lines = zip(names, y.min(0), y.mean(0), y.max(0), y.std(0), strict=True) if len(y) else ()
        heading = ("number", "least", "mean", "greatest", "standard deviation")
        return heading, *((name, *(f"{value:.4g}" for value in line)) for name, *line in lines)
    masks, _ = _readable(ids, 100, lambda i: source.y[i])
    if not masks:
        return ()
    if source.targets.integer:
        shares = np.mean([np.bincount(mask.ravel(), minlength=len(names)) / mask.size for mask in masks], axis=0)
    else:
        names = ("probability, on average",)
        shares = np.array([np.mean([mask.mean() / (255 if mask.dtype == np.uint8 else 1) for mask in masks])])
    of = ("mask", f"pixels of {len(masks)} masks")
    return of, *((name, f"{share:.1%}") for name, share in zip(names, shares, strict=True))


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

    Where targets are no classes: samples in order of their first number, or pictures over their masks.

    Of numbers that are no pixels, 0 is black and 1 is white, or the least and greatest value where these lie beyond.
    Raises `UserError` where the dataset holds vectors, or the file cannot be written.
    """
    if per_class < 1:
        raise OptionError("{per_class} is {}; it must be 1 or more", per_class)
    source = sources.find(data.dataset, data.data_dir)
    if isinstance(source.images, np.ndarray) and source.images.ndim == 2:
        raise DataError(f"dataset '{source.name}' holds vectors, not images: there is nothing to draw")
    ids = selected(data.select, len(source))
    if source.targets.kind != "class":
        _sheet_of_targets(source, ids, Path(path), per_class)
        return
    y = np.asarray(source.y)
    members = [ids[y[ids] == label] for label in range(len(source.targets.names))]
    shown = [_readable(some, per_class, lambda i: source.images[i]) for some in members]
    low, high = _range([image for images, _ in shown for image in images])
    rows = []
    for name, some, (images, bad) in zip(source.targets.names, members, shown, strict=True):
        remark = f"{len(some):,}" + (f", {bad} unreadable" if bad else "")
        rows.append(Row([picture(image, low, high) for image in images], name, remark))
    title = f"{source.name}: {len(ids):,} samples, {len(source.targets.names)} classes"
    save_sheet(Path(path), title, rows, side=72)


def _sheet_of_targets(source: Source, ids: Indices, path: Path, columns: int) -> None:
    """Up to three lines of samples with their numbers or masks."""
    if source.targets.kind == "number":
        ids = ids[np.argsort(np.asarray(source.y)[ids, 0], kind="stable")]
    samples, bad = _readable(ids, 3 * columns, lambda i: (source.images[i], source.y[i], i))
    low, high = _range([image for image, _, _ in samples])
    pictures = [picture(image, low, high) for image, _, _ in samples]
    y = [_shown_mask(target) if source.targets.kind == "mask" else target for _, target, _ in samples]
    rows = rows_of(pictures, y, source.targets, columns, [i for _, _, i in samples])
    title = f"{source.name}: {len(ids):,} samples" + (f", {bad} of {len(samples) + bad} unreadable" if bad else "")
    save_sheet(path, title, rows, side=110)


def _shown_mask(mask: Image) -> Image:
    """Class indices as they are; probabilities kept as bytes as 0..1."""
    return mask / 255 if mask.ndim == 3 and mask.dtype == np.uint8 else mask


def _range(images: Sequence[Image]) -> tuple[float, float]:
    """What is black and what is white in images that are no bytes."""
    numbers = [image for image in images if image.dtype != np.uint8]
    return min([0.0, *map(np.min, numbers)]), max([1.0, *map(np.max, numbers)])


def _readable(members: Indices, count: int, read: Callable[[int], T]) -> tuple[list[T], int]:
    """What `read` gives of up to `count` samples, evenly spaced, and how many of these cannot be read."""
    spaced = np.unique(np.linspace(0, len(members) - 1, count).astype(int)) if len(members) else ()
    readable = []
    for i in (int(members[position]) for position in spaced):
        try:
            readable.append(read(i))
        except BadImageError:
            continue
    return readable, len(spaced) - len(readable)
