"""A folder of images: NAME/<class>/<image>, nested or not; or NAME/train/<class>/... beside NAME/test/<class>/..."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backproof.data.sources.images import SUFFIXES, read_image
from backproof.data.sources.order import natural
from backproof.data.sources.registry import file_format
from backproof.data.sources.source import Image, Source
from backproof.data.targets import TargetSpec
from backproof.errors import DataError, OptionError

PARTITION_NAMES = {"train", "test", "val", "valid", "validation", "dev"}


@dataclass(frozen=True)
class ImageFiles:
    """Image files, read when asked for."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image:
        return read_image(self.paths[index])


@file_format("folder", Path.is_dir)
def read_folder(root: Path) -> Source:
    """A dataset of one folder a class; classes and files in natural order (2 before 10)."""
    parts = parts_of(root)
    classes = sorted({folder.name for part in parts for folder in folders_in(part)}, key=natural)

    paths: list[Path] = []
    labels: list[int] = []
    ignored: list[str] = []
    test_from = None
    for part in parts:
        test_from = len(paths) or None
        for label, name in enumerate(classes):
            files = files_in(part / name)
            images = [path for path in files if path.suffix.lower() in SUFFIXES]
            if not images and part is parts[0]:
                raise DataError(f"class folder {part / name} holds no images; a class needs some, or no folder")
            ignored += [str(path.relative_to(root)) for path in files if path.suffix.lower() not in SUFFIXES]
            paths += images
            labels += [label] * len(images)
        ignored += [path.name for path in sorted(part.iterdir()) if path.is_file() and path.name[0] != "."]
    for path in paths:
        require_text(path)
    if not paths:
        raise DataError(f"dataset {root} is empty: it holds no folders of images; expected <class>/<image> in it")

    return Source(
        name=root.resolve().name,
        kind="folder",
        where=str(root),
        targets=TargetSpec("class", tuple(classes)),
        images=ImageFiles(tuple(paths)),
        y=np.array(labels, dtype=np.int64),
        content=digest_files(root, paths),
        test_from=test_from,
        sample_name=lambda index: str(paths[index]),
        notes=(ignored_note(ignored),) if ignored else (),
    )


def parts_of(root: Path, strict: bool = True) -> list[Path]:
    """`root` itself, or its train and test folders where these hold the samples; `strict` refuses others."""
    names = {folder.name for folder in folders_in(root)}
    if not ("train" in names and names <= PARTITION_NAMES and all(folders_in(root / name) for name in names)):
        return [root]
    if strict and names - {"train", "test"}:
        raise OptionError(
            "{} holds the partitions {}, but only train and test are understood: move the other images into train and "
            "divide it with {split}",
            root,
            ", ".join(sorted(names)),
        )
    return [root / name for name in ("train", "test") if name in names]


def folders_in(root: Path) -> list[Path]:
    """The folders in `root` that are not hidden."""
    return [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]


def files_in(folder: Path) -> list[Path]:
    """All files below `folder` that are not hidden, in natural order of their paths; links to folders are not followed.

    Raises `OSError` for a folder that cannot be read.
    """
    if not folder.is_dir():
        return []
    found = []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent) / name for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: natural(path.relative_to(folder).as_posix()))


def _raise(error: OSError) -> None:
    raise error


def require_text(path: Path) -> None:
    """Raise `UserError` for a name that no page, table or TOML file could show."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"the file name {os.fsencode(path)!r} is not UTF-8; rename the file or its folder") from error


def ignored_note(ignored: list[str]) -> str:
    """One sentence about files that are no images."""
    some = ", ".join(ignored[:3]) + (", ..." if len(ignored) > 3 else "")
    files = "1 file that is no image" if len(ignored) == 1 else f"{len(ignored)} files that are no images"
    return f"ignored {files}: {some}"


def digest_files(root: Path, paths: list[Path], more: str = "") -> str:
    """SHA-256 of the names and contents of these files below `root`, and of what else counts."""
    digest = hashlib.sha256(more.encode())
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError:  # reading the image will say so, and may skip it
            content = b""
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
