"""A folder of images and of their masks, of the same names: NAME/images/<image>, NAME/masks/<image>.png."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backproof.data.sources.folder import (
    ImageFiles,
    digest_files,
    files_in,
    folders_in,
    ignored_note,
    parts_of,
    require_text,
)
from backproof.data.sources.images import SUFFIXES, read_mask
from backproof.data.sources.order import natural
from backproof.data.sources.registry import file_format
from backproof.data.sources.source import Source
from backproof.data.targets import TargetSpec
from backproof.errors import DataError

IMAGES = re.compile(r"images|test_images|imgs|jpegimages", re.IGNORECASE)
MASKS = re.compile(r"masks?|labels|annotations|segmentationclass|.+_(results|masks)", re.IGNORECASE)
CLASSES = "classes.txt"


@dataclass(frozen=True)
class MaskFiles:
    """Mask files, read when asked for: of so many `classes`, or of probabilities."""

    paths: tuple[Path, ...]
    classes: int

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> npt.NDArray[np.generic]:
        return read_mask(self.paths[index], self.classes)


def _chosen(root: Path) -> tuple[list[Path], list[Path]]:
    """The folders of images and those of masks in `root`; first the one of the plainest name, empty ones last."""
    folders = sorted(folders_in(root), key=lambda path: natural(path.name))
    images = [path for path in folders if IMAGES.fullmatch(path.name)]
    masks = [path for path in folders if MASKS.fullmatch(path.name)]
    return images, sorted(masks, key=lambda path: (not _pictures(path), not path.name.lower().startswith("mask")))


def _pictures(folder: Path) -> list[Path]:
    return [path for path in files_in(folder) if path.suffix.lower() in SUFFIXES]


def has_masks(root: Path) -> bool:
    """Whether a folder, or each of its train and test folders, holds a folder of images and one of masks."""
    return root.is_dir() and all(all(_chosen(part)) for part in parts_of(root, strict=False))


@file_format("masks", has_masks)
def read_masks(root: Path) -> Source:
    """Images and masks. Where `classes.txt` lists classes, masks hold their indices, else probabilities."""
    classes = _classes(root / CLASSES)
    paths: list[Path] = []
    masks: list[Path] = []
    notes: list[str] = []
    ignored: list[str] = []
    test_from = None
    for part in parts_of(root):
        test_from = len(paths) or None
        (folder, *more), (of_masks, *others) = _chosen(part)
        if more or others:
            left = ", ".join(path.name for path in (*more, *others))
            notes.append(f"images are those of {folder.name}, masks those of {of_masks.name}; not used: {left}")
        files = files_in(folder)
        ignored += [str(path.relative_to(root)) for path in files if path.suffix.lower() not in SUFFIXES]
        images, found = _by_name(folder), _by_name(of_masks)
        without = [images[name] for name in images if name not in found]
        if without:
            are = "1 image has" if len(without) == 1 else f"{len(without)} images have"
            mask = of_masks / without[0].relative_to(folder).with_suffix(".png")
            raise DataError(f"{are} no mask, the first is {without[0]}: expected {mask}")
        unused = [path.name for name, path in found.items() if name not in images]
        if unused:
            are = "1 mask" if len(unused) == 1 else f"{len(unused)} masks"
            notes.append(f"ignored {are} without an image, such as {unused[0]}")
        paths += images.values()
        masks += [found[name] for name in images]
    if not paths:
        raise DataError(f"dataset {root} is empty: its folder of images holds no images")
    for path in (*paths, *masks):
        require_text(path)
    return Source(
        name=root.resolve().name,
        kind="masks",
        where=str(root),
        targets=TargetSpec("mask", classes, integer=bool(classes)),
        images=ImageFiles(tuple(paths)),
        y=MaskFiles(tuple(masks), len(classes)),
        content=digest_files(root, [*paths, *masks], repr(classes)),
        test_from=test_from,
        sample_name=lambda index: str(paths[index]),
        notes=(*notes, *([ignored_note(ignored)] if ignored else [])),
    )


def _by_name(folder: Path) -> dict[str, Path]:
    """The images below `folder` by their path without suffix. Raises `UserError` where two have the same."""
    named: dict[str, Path] = {}
    for path in _pictures(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in named:
            raise DataError(f"{named[name]} and {path} differ in their suffix alone, so their masks would be the same")
        named[name] = path
    return named


def _classes(path: Path) -> tuple[str, ...]:
    """Class names, one a line; () where there is no such file."""
    if not path.is_file():
        return ()
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8") from error
    names = [name for name in names if name]
    if len(names) < 2:
        raise DataError(f"{path} lists {len(names)} classes; a mask of classes needs two or more, one name a line")
    if len(set(names)) < len(names):
        raise DataError(f"{path} lists '{next(n for n in names if names.count(n) > 1)}' twice")
    return tuple(names)
