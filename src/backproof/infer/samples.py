"""What a network is to look at: images in files and folders, arrays, and the right answers where they are known."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backproof.data.sources import Source
from backproof.data.sources.folder import ImageFiles, files_in
from backproof.data.sources.images import SUFFIXES
from backproof.data.sources.masks import has_masks, read_masks
from backproof.data.sources.npz import read_npz, read_samples
from backproof.data.sources.registry import FORMATS
from backproof.data.sources.source import Images
from backproof.data.targets import Targets, TargetSpec
from backproof.errors import DataError

UNKNOWN = -1
"""The label of an image whose class is not known."""


@dataclass(frozen=True)
class Samples:
    """Samples of one input: `images[i]`, called `names[i]`, and the right answer `truths[i]` where that is known.

    Attributes:
        images: (H, W, C) or (D,) each, read when asked for.
        names: as people know them.
        keys: paths below a folder of answers, without suffix.
        truths: class indices, of which `UNKNOWN` is none, masks, or numbers; None where no answer is known.
        note: what a user should know.
    """

    images: Images
    names: Sequence[str]
    keys: Sequence[str]
    truths: Targets | Images | None = None
    note: str = ""

    def __len__(self) -> int:
        return len(self.names)


def find_samples(path: str | Path, targets: TargetSpec) -> Samples:
    """The samples at a path: an image, a folder, or an `.npz` file; `targets` is what a right answer is.

    A folder may hold images in folders named as the classes, or `images` and `masks`, or `targets.csv`, or anything,
    whose images are then taken from wherever they lie in it. Raises `UserError` for what is none of these.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _of_folder(path, targets)
        if path.suffix == ".npz" and path.is_file():
            return _of_arrays(path, targets)
        if path.suffix.lower() in SUFFIXES and path.is_file():
            return Samples(ImageFiles((path,)), (str(path),), (path.stem,))
    except OSError as error:
        raise DataError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
    if not path.exists():
        raise DataError(f"there is no image, folder or .npz file '{path}'")
    raise DataError(f"'{path}' is no image, folder or .npz file; images end in {', '.join(sorted(SUFFIXES))}")


def _of_folder(folder: Path, targets: TargetSpec) -> Samples:
    if targets.kind == "mask" and has_masks(folder):
        return _of_source(read_masks(folder), targets)
    format_ = next((f for f in reversed(FORMATS.values()) if f.kind in ("table", "IDX") and f.recognise(folder)), None)
    if format_ is not None:
        return _of_source(format_.read(folder), targets)
    paths = [path for path in files_in(folder) if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise DataError(f"the folder '{folder}' holds no images; images end in {', '.join(sorted(SUFFIXES))}")
    within = [path.relative_to(folder) for path in paths]
    keys = [inside.with_suffix("").as_posix() for inside in within]
    labels, note = (None, "") if targets.kind != "class" else _labels(within, targets.names)
    return Samples(ImageFiles(tuple(paths)), [str(path) for path in paths], keys, labels, note)


def _labels(paths: Sequence[Path], classes: Sequence[str]) -> tuple[Targets | None, str]:
    """The class of each path below a folder: that of the innermost folder that is called as one."""
    index = {name: i for i, name in enumerate(classes)}
    labels = [next((index[part] for part in reversed(path.parent.parts) if part in index), UNKNOWN) for path in paths]
    folders = dict.fromkeys(path.parts[0] for path, label in zip(paths, labels, strict=True) if label == UNKNOWN)
    known = sum(label != UNKNOWN for label in labels)
    if known:
        left = len(labels) - known
        return np.array(labels), f"{left} images lie in no folder of a class, and are not measured" if left else ""
    if all(len(path.parts) == 1 for path in paths):
        return None, ""
    some, model = (", ".join(list(names)[:3]) + (", ..." if len(names) > 3 else "") for names in (folders, classes))
    return None, f"no folder is called as a class of the model ({model}), but {some}: nothing is measured"


def _of_arrays(path: Path, targets: TargetSpec) -> Samples:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            labelled = isinstance(arrays, np.lib.npyio.NpzFile) and "y" in arrays
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise DataError(f"{path} is damaged, or no .npz file of plain arrays ({error})") from error
    if labelled:
        return _of_source(read_npz(path), targets)
    images = read_samples(path)
    return Samples(images, *_numbered(path, len(images)))


def _numbered(path: Path, count: int) -> tuple[list[str], list[str]]:
    return [f"{path}[{i}]" for i in range(count)], [f"{path.stem}-{i}" for i in range(count)]


def _of_source(source: Source, targets: TargetSpec) -> Samples:
    """A dataset; its answers, if they are of the kind that the network gives."""
    names, keys = _numbered(Path(source.where), len(source))
    if isinstance(source.images, ImageFiles):
        names = [str(path) for path in source.images.paths]
        keys = [path.stem for path in source.images.paths]
    truths, note = source.y, "; ".join(source.notes)
    if (source.targets.kind, source.targets.integer) != (targets.kind, targets.integer):
        return Samples(source.images, names, keys, None, _joined(note, "its targets are not what the model predicts"))
    if targets.kind == "class" and source.targets.names != targets.names:
        known = {name: i for i, name in enumerate(targets.names)}
        place = np.array([known.get(name, UNKNOWN) for name in source.targets.names])
        if (place == UNKNOWN).all():
            return Samples(source.images, names, keys, None, _joined(note, "none of its classes is one of the model's"))
        truths = place[np.asarray(source.y)]
    if targets.kind == "number" and len(source.targets.names) != len(targets.names):
        return Samples(source.images, names, keys, None, _joined(note, "its targets are more or fewer numbers"))
    return Samples(source.images, names, keys, truths, note)


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def read_labels(path: str | Path) -> tuple[str, ...]:
    """Names of classes from a file: one a line, a JSON list, or ImageNet's {"0": ["n01440764", "tench"], ...}.

    Raises `UserError` for a file that is none of these.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise DataError(f"the labels '{path}' cannot be read: {reason}") from error
    names = _json_names(path, text) if path.suffix == ".json" else [line.strip() for line in text.splitlines()]
    names = names[: len(names) - next((i for i, name in enumerate(reversed(names)) if name), len(names))]
    if len(names) < 1 or not all(names):
        raise DataError(f"the labels '{path}' hold no name, or an empty one; give one name a line")
    return tuple(names)


def _json_names(path: Path, text: str) -> list[str]:
    import json

    try:
        content: Any = json.loads(text)
        if isinstance(content, dict):
            content = [content[str(i)] for i in range(len(content))]
        names = [name[-1] if isinstance(name, list) else name for name in content]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"the labels '{path}' are no list of names, nor names by number") from error
    if not all(isinstance(name, str) for name in names):
        raise DataError(f"the labels '{path}' hold something else than names")
    return names
