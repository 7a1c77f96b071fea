"""NumPy arrays kept with `np.savez`: x and y, and optionally x_test, y_test and classes."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backproof.data.sources.order import natural
from backproof.data.sources.registry import file_format
from backproof.data.sources.source import Source
from backproof.errors import UserError

Array = npt.NDArray[np.generic]


@file_format("npz", lambda path: path.suffix == ".npz" and path.is_file())
def read_npz(path: Path) -> Source:
    """A dataset of arrays.

    x: vectors (M, D), gray images (M, H, W), or images (M, H, W, C) with C 1 or 3, otherwise (M, C, H, W).
    uint8 is taken as pixels of 0..255, every other type of number is kept as it is, as float32.
    y: (M,) whole numbers or strings; with `classes`, a list of names, the numbers index it.
    """
    arrays = _load(path)
    x, y = _samples(path, arrays, "x"), _labels(path, arrays, "y")
    test_from = None
    if "x_test" in arrays or "y_test" in arrays:
        x_test, y_test = _samples(path, arrays, "x_test"), _labels(path, arrays, "y_test")
        if x_test.shape[1:] != x.shape[1:]:
            raise UserError(f"{path}: samples of x have shape {x.shape[1:]}, those of x_test {x_test.shape[1:]}.")
        test_from = len(x)
        x, y = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    classes, labels = _classes(path, y, arrays.get("classes"))
    return Source.from_arrays(path.stem, x, labels, classes, kind="npz", where=str(path), test_from=test_from)


def _load(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as opened:
            found = np.load(opened, allow_pickle=False)
            if isinstance(found, np.lib.npyio.NpzFile):
                return dict(found)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise UserError(f"{path} is damaged, or no .npz file of plain arrays ({error}).") from error
    raise UserError(f"{path} holds one array without a name; write it with np.savez(path, x=x, y=y).")


def _named(path: Path, arrays: dict[str, Array], name: str) -> Array:
    if name not in arrays:
        raise UserError(f"{path} has no array '{name}'; it holds: {', '.join(sorted(arrays)) or 'nothing'}.")
    return arrays[name]


def _samples(path: Path, arrays: dict[str, Array], name: str) -> Array:
    x = _named(path, arrays, name)
    if x.ndim not in (2, 3, 4) or x.dtype.kind not in "fiub":
        raise UserError(
            f"{path}: {name} has shape {x.shape} and type {x.dtype}; expected numbers (M, D), (M, H, W), "
            "(M, H, W, C) or (M, C, H, W)."
        )
    if x.dtype != np.uint8:
        with np.errstate(over="ignore"):  # told below
            x = x.astype(np.float32)
        finite = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
        if not finite.all():
            first = int(finite.argmin())
            raise UserError(
                f"{path}: {name} holds NaN or infinite values (as float32) in {np.count_nonzero(~finite)} samples, "
                f"the first is sample {first}."
            )
    if x.ndim == 3:
        return x[:, :, :, None]
    if x.ndim == 4 and x.shape[3] not in (1, 3):
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    return x


def _labels(path: Path, arrays: dict[str, Array], name: str) -> Array:
    y, samples = _named(path, arrays, name), len(arrays["x" + name[1:]])
    if y.ndim != 1 or y.dtype.kind not in "iuU":
        raise UserError(
            f"{path}: {name} has shape {y.shape} and type {y.dtype}; expected (M,) whole numbers or strings."
        )
    if len(y) != samples:
        raise UserError(f"{path}: x{name[1:]} holds {samples} samples, but {name} {len(y)} labels.")
    if y.dtype.kind == "U":
        return y
    numbers = y.astype(np.int64)  # one type for y and y_test: of uint64 and int64 NumPy would make float64
    if not np.array_equal(numbers, y):
        raise UserError(f"{path}: {name} holds {y.max()}; labels are at most {np.iinfo(np.int64).max}.")
    return numbers


def _classes(path: Path, y: Array, names: Array | None) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """The class names, and for each label the index of its name."""
    if names is not None and (names.ndim != 1 or names.dtype.kind != "U"):
        raise UserError(f"{path}: classes has shape {names.shape} and type {names.dtype}; expected (K,) strings.")
    if names is not None and y.dtype.kind == "U":
        raise UserError(f"{path}: y holds names already, so classes would not be used; leave one of them out.")
    if names is None:
        found, labels = np.unique(y, return_inverse=True)
        texts = [str(value) for value in found]
        order = sorted(range(len(texts)), key=lambda i: natural(texts[i])) if y.dtype.kind == "U" else range(len(texts))
        rank = np.empty(len(texts), dtype=np.int64)
        rank[list(order)] = np.arange(len(texts))
        return tuple(texts[i] for i in order), rank[labels]
    return tuple(str(name) for name in names), y.astype(np.int64)
