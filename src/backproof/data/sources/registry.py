"""Datasets and file formats, each registered by a decorator: adding one is writing one function."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isfunction
from pathlib import Path

from backproof.data.sources.source import Source
from backproof.errors import DataError, OptionError, unknown
from backproof.registry import Registry
from backproof.user_file import is_reference, reporting_failures

Reader = Callable[[], Source]
Writer = Callable[[Path, int], None]
Recogniser = Callable[[Path], bool]
PathReader = Callable[[Path], Source]


@dataclass(frozen=True)
class Dataset:
    """A dataset with a name: `read` gives it, or `write` makes it as a folder of images."""

    name: str
    description: str
    read: Reader | None = None
    write: Writer | None = None


@dataclass(frozen=True)
class Format:
    """A way in which datasets lie on disk: whether a path is of this format, and how it is read."""

    kind: str
    recognise: Recogniser
    read: PathReader


@dataclass(frozen=True)
class Available:
    """One line of `backproof data list`."""

    name: str
    kind: str
    where: str


DATASETS: Registry[Dataset] = Registry("dataset", isfunction)
FORMATS: Registry[Format] = Registry("file format")


def dataset(name: str, description: str) -> Callable[[Reader], Reader]:
    """Register a function that returns a dataset."""

    def register(read: Reader) -> Reader:
        DATASETS.add(name, Dataset(name, description, read=read), read)
        return read

    return register


def generated(name: str, description: str) -> Callable[[Writer], Writer]:
    """Register a function (folder, seed) that writes a dataset into `folder`, as any of the formats.

    Such as <class>/<image>.png, or images/<image>.png with masks/<image>.png.
    """

    def register(write: Writer) -> Writer:
        DATASETS.add(name, Dataset(name, description, write=write), write)
        return write

    return register


def file_format(kind: str, recognise: Recogniser) -> Callable[[PathReader], PathReader]:
    """Register a function (path) that reads a dataset; of formats that recognise a path the latest one reads it."""

    def register(read: PathReader) -> PathReader:
        FORMATS.add(kind, Format(kind, recognise, read), read)
        return read

    return register


def find(name: str, data_dir: str | Path) -> Source:
    """The source called `name`: registered, or found in `data_dir`, or at a path. Generated ones are made now.

    `FILE.py:NAME` is a function in a user's file that returns one, or that is registered.

    What begins with a dot, a slash or ~ is a path. Raises `UserError` where there is none, offering the nearest names.
    """
    data_dir = Path(data_dir)
    if is_reference(name):
        function = DATASETS.from_file(name)
        registered = [known for known in DATASETS.values() if function in (known.read, known.write)]
        return _found(registered[0] if registered else Dataset(function.__name__, "", read=function), data_dir)
    if name in DATASETS:
        return _found(DATASETS[name], data_dir)
    for path in _places(name, data_dir):
        with _reading(path):
            exists = path.exists() or _format_of(path) is not None
        if exists:
            return _read(path)
    if "/" in name or "\\" in name:
        raise OptionError("{dataset:{}}: there is no such file or folder", name)
    raise unknown("dataset", name, {entry.name for entry in available(data_dir)}, DataError)


def _found(registered: Dataset, data_dir: Path) -> Source:
    """What the function of a dataset gives, or the folder that it has written, which may be now."""
    name = registered.name
    if registered.read is not None:
        with reporting_failures(registered.read, f"dataset '{name}'"):
            source = registered.read()
        if not isinstance(source, Source):
            raise DataError(f"dataset '{name}': its function returns {type(source).__name__}, not a Source")
        return source
    folder = data_dir / name
    with _reading(folder):
        made = folder.exists()
    return _read(folder if made else make(name, data_dir))


def make(name: str, data_dir: str | Path, seed: int = 0) -> Path:
    """Write the generated dataset `name` as a folder of images under `data_dir`; returns the folder.

    The folder appears whole or not at all. Raises `UserError` where it exists already.
    """
    data_dir = Path(data_dir)
    writers = {known: entry.write for known, entry in DATASETS.items() if entry.write is not None}
    if name in DATASETS and name not in writers:
        raise DataError(f"dataset '{name}' is built in and needs no making; can be made: {', '.join(writers)}")
    if name not in writers:
        raise unknown("dataset to make", name, writers, DataError)
    folder = data_dir / name
    try:
        if folder.exists():
            raise DataError(f"{folder} exists already; delete it first to make it again")
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=data_dir) as unfinished:
            whole = Path(unfinished) / name
            whole.mkdir()
            with reporting_failures(writers[name], f"dataset '{name}'"):
                writers[name](whole, seed)
            if not folder.exists():  # another process may have made the same bytes meanwhile
                whole.rename(folder)
    except OSError as error:
        raise DataError(f"cannot write dataset '{name}' to {folder}: {error.strerror or error}") from error
    return folder


def available(data_dir: str | Path) -> list[Available]:
    """Every dataset that has a name: the registered ones, then what lies in `data_dir`."""
    data_dir = Path(data_dir)
    with _reading(data_dir):
        paths = sorted(data_dir.iterdir()) if data_dir.is_dir() else []
    found = []
    for name, entry in DATASETS.items():
        kind = "built in" if entry.write is None else "generated"
        made = entry.write is not None and data_dir / name in paths
        found.append(Available(name, kind, str(data_dir / name) if made else entry.description))
    for path in paths:
        name = path.name.removesuffix(".npz")
        if path.name.startswith(".") or name in DATASETS:
            continue
        try:
            format_ = _format_of(path)
        except OSError as error:
            found.append(Available(name, "unreadable", f"{path}: {error.strerror}"))
            continue
        if format_:
            found.append(Available(name, format_.kind, str(path)))
    return found


def _places(name: str, data_dir: Path) -> tuple[Path, ...]:
    """Where a dataset called `name` may lie, the likeliest place first."""
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:
        raise OptionError("{dataset:{}}: there is no such user's folder", name) from error
    if path.is_absolute() or name.startswith("."):
        return (path,)
    return (data_dir / name, data_dir / f"{name}.npz", path)


def _format_of(path: Path) -> Format | None:
    return next((entry for entry in reversed(FORMATS.values()) if entry.recognise(path)), None)


def _read(path: Path) -> Source:
    with _reading(path):
        format_ = _format_of(path)
        if format_ is None:
            raise DataError(
                f"{path} is no dataset: expected a folder of <class>/<image> or of images and masks, a folder of "
                "IDX files, or an .npz file"
            )
        return format_.read(path)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn the system's refusal into one sentence for the user."""
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
