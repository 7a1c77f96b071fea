"""NumPy arrays kept with `np.savez`: x and y, and optionally x_test, y_test, classes and names."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backproof.data.sources.order import natural
from backproof.data.sources.registry import file_format
from backproof.data.sources.source import Source
from backproof.data.targets import require_finite
from backproof.errors import DataError

Array = npt.NDArray[np.generic]


@file_format("npz", lambda path: path.suffix == ".npz" and path.is_file())
def read_npz(path: Path) -> Source:
    """A dataset of arrays.

    x: vectors (M, D), gray images (M, H, W), or images (M, H, W, C) with C 1 or 3, otherwise (M, C, H, W).
    uint8 is taken as pixels of 0..255, every other type of number is kept as it is, as float32.
    y: (M,) whole numbers or strings are classes; with `classes`, a list of names, the numbers index it.
    (M,) or (M, K) floats are numbers, called as `names` says. (M, H, W) are masks: whole numbers that index `classes`,
    or floats or booleans.
    """
    arrays = _load(path)
    x, y = _samples(path, arrays, "x"), _targets(path, arrays, "y")
    test_from = None
    if "x_test" in arrays or "y_test" in arrays:
        x_test, y_test = _samples(path, arrays, "x_test"), _targets(path, arrays, "y_test")
        if x_test.shape[1:] != x.shape[1:]:
            raise DataError(f"{path}: samples of x have shape {x.shape[1:]}, those of x_test {x_test.shape[1:]}")
        if (y.shape[1:], y.dtype.kind) != (y_test.shape[1:], y_test.dtype.kind):
            raise DataError(f"{path}: targets of y are {_kind(y)}, those of y_test {_kind(y_test)}")
        test_from = len(x)
        x, y = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    names = _names(path, arrays, y)
    if not names and y.ndim == 1 and y.dtype.kind in "iU":
        names, y = _found(y)
    return Source.from_arrays(path.stem, x, y, names, kind="npz", where=str(path), test_from=test_from)


def read_samples(path: Path) -> Array:
    """The array x alone, as `read_npz` has it: (M, D) or (M, H, W, C). Raises `UserError` as that."""
    return _samples(path, _load(path), "x")


def _load(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as opened:
            found = np.load(opened, allow_pickle=False)
            if isinstance(found, np.lib.npyio.NpzFile):
                return dict(found)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise DataError(f"{path} is damaged, or no .npz file of plain arrays ({error})") from error
    raise DataError(f"{path} holds one array without a name; write it with np.savez(path, x=x, y=y)")


def _named(path: Path, arrays: dict[str, Array], name: str) -> Array:
    if name not in arrays:
        raise DataError(f"{path} has no array '{name}'; it holds: {', '.join(sorted(arrays)) or 'nothing'}")
    return arrays[name]


def _samples(path: Path, arrays: dict[str, Array], name: str) -> Array:
    x = _named(path, arrays, name)
    if x.ndim not in (2, 3, 4) or x.dtype.kind not in "fiub":
        raise DataError(
            f"{path}: {name} has shape {x.shape} and type {x.dtype}; expected numbers (M, D), (M, H, W), "
            "(M, H, W, C) or (M, C, H, W)"
        )
    if x.dtype != np.uint8:
        with np.errstate(over="ignore"):  # reported below
            x = x.astype(np.float32)
        require_finite(f"{path}: {name}", x)
    if x.ndim == 3:
        return x[:, :, :, None]
    if x.ndim == 4 and x.shape[3] not in (1, 3):
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    return x


def _targets(path: Path, arrays: dict[str, Array], name: str) -> Array:
    y, samples = _named(path, arrays, name), len(arrays["x" + name[1:]])
    if y.ndim == 0 or y.dtype.kind not in "iufbU" or (y.dtype.kind == "U" and y.ndim > 1):
        raise DataError(
            f"{path}: {name} has shape {y.shape} and type {y.dtype}; expected (M,) whole numbers or strings for "
            "classes, (M,) or (M, K) floats for numbers, or masks (M, H, W)"
        )
    if len(y) != samples:
        raise DataError(f"{path}: x{name[1:]} holds {samples} samples, but {name} {len(y)} targets")
    if y.dtype.kind not in "iu":
        return y
    numbers = y.astype(np.int64)  # one type for y and y_test: of uint64 and int64 NumPy would make float64
    if not np.array_equal(numbers, y):
        raise DataError(f"{path}: {name} holds {y.max()}; labels are at most {np.iinfo(np.int64).max}")
    return numbers


def _names(path: Path, arrays: dict[str, Array], y: Array) -> tuple[str, ...]:
    """Those of `classes`, or of `names` where targets are numbers; () where there are none."""
    key, other = ("names", "classes") if y.dtype.kind == "f" else ("classes", "names")
    if other in arrays:
        raise DataError(f"{path}: y are {_kind(y)}, so '{other}' would not be used; leave it out")
    if key not in arrays:
        return ()
    names = arrays[key]
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(f"{path}: {key} has shape {names.shape} and type {names.dtype}; expected (K,) strings")
    if y.dtype.kind == "U":
        raise DataError(f"{path}: y holds names already, so classes would not be used; leave one of them out")
    return tuple(str(name) for name in names)


def _kind(y: Array) -> str:
    """ "whole numbers", "floats of (2,)"."""
    what = {"i": "whole numbers", "f": "floats", "b": "booleans", "U": "strings"}[y.dtype.kind]
    return what + (f" of {y.shape[1:]}" if y.ndim > 1 else "")


def _found(y: Array) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """The values that are there, in natural order, as class names, and for each label the index of its name."""
    found, labels = np.unique(y, return_inverse=True)
    texts = [str(value) for value in found]
    order = sorted(range(len(texts)), key=lambda i: natural(texts[i])) if y.dtype.kind == "U" else range(len(texts))
    rank = np.empty(len(texts), dtype=np.int64)
    rank[list(order)] = np.arange(len(texts))
    return tuple(texts[i] for i in order), rank[labels]
