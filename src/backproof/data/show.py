"""Looking at data: a summary of a dataset, and a contact sheet of its samples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backproof.data import sources
from backproof.data.loading import divide
from backproof.data.options import DataOptions
from backproof.data.pictures import Row, picture, save_sheet
from backproof.data.sources import BadImageError, Source
from backproof.data.sources.folder import ImageFiles
from backproof.data.sources.images import read_header
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
    """Look at a dataset without decoding its images; it also describes data that cannot be trained on."""
    source = sources.find(data.dataset, data.data_dir)
    ids = selected(data.select, len(source))
    notes = list(source.notes)
    unreadable: list[str] = []
    sizes: set[tuple[int, ...]] = set()
    modes: dict[str, int] = {}
    good = []
    files = source.images.paths if isinstance(source.images, ImageFiles) else ()
    for i in ids.tolist() if files else ():
        try:
            size, mode = read_header(files[i])
        except BadImageError as error:
            unreadable.append(str(error))
            continue
        good.append(i)
        sizes.add(size)
        modes[mode] = modes.get(mode, 0) + 1
    if isinstance(source.images, np.ndarray):
        good = ids.tolist()
        _, *shape = source.images.shape
        sizes = {tuple(shape[:2])} if len(shape) == 3 else set()
        what = f"x {shape[-1]} channel{'s' * (shape[-1] > 1)}" if len(shape) == 3 else f"vectors of {shape[0]}"
        modes = {f"{source.images.dtype} {what}": len(good)}

    kept = np.array(good, dtype=np.int64)
    partitions = {}
    try:
        parts = divide(source, kept, data.split, data.data_seed)
        partitions = {name: len(part) for name, part in zip(("train", "dev", "test"), parts, strict=True)}
    except UserError as error:
        notes.append(str(error))
    counts = np.bincount(source.labels[kept], minlength=len(source.classes)).tolist()
    return DatasetSummary(
        name=source.name,
        kind=source.kind,
        where=source.where,
        samples=len(good),
        counts=dict(zip(source.classes, counts, strict=True)),
        smallest=tuple(map(min, zip(*sizes, strict=True))),
        largest=tuple(map(max, zip(*sizes, strict=True))),
        modes=modes,
        partitions=partitions,
        unreadable=tuple(unreadable),
        notes=tuple(notes),
    )


def contact_sheet(data: DataOptions, path: str | Path, per_class: int = 8) -> None:
    """Write a PNG with samples of every class, evenly taken from its files, as they are before preprocessing.

    Raises `UserError` where the dataset holds vectors, or the file cannot be written.
    """
    source = sources.find(data.dataset, data.data_dir)
    if isinstance(source.images, np.ndarray) and source.images.ndim == 2:
        raise UserError(f"dataset '{source.name}' holds vectors, not images: there is nothing to draw.")
    ids = selected(data.select, len(source))
    rows = []
    for label, name in enumerate(source.classes):
        members = ids[source.labels[ids] == label]
        shown = _shown(source, members, per_class)
        rows.append(Row([picture(source.images[i]) for i in shown], name, f"{len(members):,}"))
    title = f"{source.name}: {len(ids):,} samples, {len(source.classes)} classes"
    save_sheet(Path(path), title, rows, side=72)


def _shown(source: Source, members: Indices, count: int) -> list[int]:
    """Up to `count` samples, evenly spaced; those whose files cannot be read are passed over."""
    spaced = np.unique(np.linspace(0, len(members) - 1, count).astype(int)) if len(members) else ()
    readable = []
    for i in (int(members[position]) for position in spaced):
        try:
            source.images[i]
        except BadImageError:
            continue
        readable.append(i)
    return readable
