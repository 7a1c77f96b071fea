"""IDX files as MNIST has them: train-images-idx3-ubyte[.gz] and so on. Format: http://yann.lecun.com/exdb/mnist."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backproof.data.sources.registry import file_format
from backproof.data.sources.source import Source
from backproof.errors import DataError

# The magic number is 0, 0, the type (8: unsigned byte), and the number of dimensions.
MAGIC = {3: 0x00000803, 1: 0x00000801}
GZIP = b"\x1f\x8b"


def _find(prefix: Path, part: str, what: str) -> Path | None:
    """The file of one part ("train") and kind ("images-idx3"), gzip or raw, in a folder or after a prefix."""
    begin = f"{prefix}/" if prefix.is_dir() else f"{prefix}-"
    names = (f"{part}-{what}-ubyte", f"{part}-{what.replace('-idx', '.idx')}-ubyte")
    files = (Path(f"{begin}{name}{suffix}") for name in names for suffix in ("", ".gz"))
    return next((path for path in files if path.is_file()), None)


def is_idx(prefix: Path) -> bool:
    """Whether there are IDX files of training images in the folder `prefix`, or beginning with `prefix-`."""
    return _find(prefix, "train", "images-idx3") is not None


@file_format("IDX", is_idx)
def read_idx(prefix: Path) -> Source:
    """A dataset of MNIST's file names, in the folder `prefix` or beginning with `prefix-`.

    The parts t10k (or test), where there, are its own test partition. Images are gray, classes are the labels found.
    """
    parts = [_read_part(prefix, "train")]
    for part in ("t10k", "test"):
        if _find(prefix, part, "images-idx3") is not None:
            parts.append(_read_part(prefix, part))
            break
    sizes = {part[0].shape[1:] for part in parts}
    if len(sizes) > 1:
        texts = " and ".join(f"{height}x{width}" for height, width in sorted(sizes))
        raise DataError(f"{prefix}: training and test images differ in size: {texts} (height x width)")
    images = np.concatenate([part[0] for part in parts])
    classes, labels = np.unique(np.concatenate([part[1] for part in parts]), return_inverse=True)
    return Source.from_arrays(
        prefix.resolve().name,
        images[:, :, :, None],
        labels.astype(np.int64),
        tuple(str(label) for label in classes),
        kind="IDX",
        where=str(prefix),
        test_from=len(parts[0][1]) if len(parts) > 1 else None,
    )


def _read_part(prefix: Path, part: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    images_file, labels_file = _find(prefix, part, "images-idx3"), _find(prefix, part, "labels-idx1")
    assert images_file is not None
    if labels_file is None:
        raise DataError(f"{images_file} has no labels beside it; expected {part}-labels-idx1-ubyte or .gz")
    images, labels = read_idx_file(images_file, 3), read_idx_file(labels_file, 1)
    if len(images) != len(labels):
        raise DataError(f"{images_file} holds {len(images)} images, but {labels_file} {len(labels)} labels")
    return images, labels


def read_idx_file(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """The array of one IDX file of unsigned bytes, gzip or raw. Raises `UserError` where it is damaged."""
    data = path.read_bytes()
    if data.startswith(GZIP):
        try:
            data = gzip.decompress(data)
        except EOFError as error:
            raise DataError(f"{path} is truncated: its gzip stream ends too early") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path} is damaged: its gzip stream cannot be read ({error})") from error
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise DataError(f"{path} is truncated: {len(data)} bytes, not even a header of {header}")
    magic, *shape = (int(value) for value in np.frombuffer(data, dtype=">u4", count=1 + dimensions))
    if magic != MAGIC[dimensions]:
        raise DataError(
            f"{path} has the wrong magic number 0x{magic:08x}; an IDX file of unsigned bytes with {dimensions} "
            f"dimension{'s' * (dimensions > 1)} begins with 0x{MAGIC[dimensions]:08x}"
        )
    if len(data) != header + math.prod(shape):
        state = "truncated" if len(data) < header + math.prod(shape) else "too long"
        sizes = " x ".join(map(str, shape))
        raise DataError(f"{path} is {state}: its header says {sizes} bytes, but {len(data) - header} follow")
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape)
