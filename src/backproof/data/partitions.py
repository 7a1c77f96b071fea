"""What the data room hands over: arrays of samples, divided into partitions."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.data.targets import Targets, TargetSpec

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Partition:
    """Preprocessed samples and their targets. The arrays are shared: read them, do not write into them.

    Attributes
    ----------
    x
        Samples: (M, C, H, W), or (M, D) when flattened or when the dataset holds vectors. What is loaded is float32.
    y
        Targets, as `Partitions.targets` says: (M,) or (M, H, W) int64, (M, 1, H, W) or (M, K) float32.
    ids
        The number of each sample in the dataset, (M,) int64: it stays the same whatever the split.
    image_shape
        (C, H, W) of one sample, also when `x` is flattened; () when samples are vectors.
    weight
        How much each sample counts in the loss, (M,) float; None: all the same.
    """

    x: npt.NDArray[np.floating]
    y: Targets
    ids: Ids
    image_shape: tuple[int, ...] = ()
    weight: npt.NDArray[np.floating] | None = None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Partitions:
    """A dataset ready for training; `dev` and `test` may be empty (then their arrays have 0 rows).

    Attributes
    ----------
    name
        The dataset's name.
    targets
        What y is.
    train, dev, test
        The partitions.
    skipped
        Images left out under `--skip-bad-images`, each with the reason.
    notes
        What else a user should know, such as files that are no images.
    fingerprint
        SHA-256 of the files' content, the preprocessing and the split: equal for equal data.
    """

    name: str
    targets: TargetSpec
    train: Partition
    dev: Partition
    test: Partition
    skipped: tuple[str, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, which class indices index; () where targets are no classes."""
        return self.targets.classes

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(C, H, W) of one sample, () when samples are vectors."""
        return self.train.image_shape

    def __iter__(self) -> Iterator[Partition]:
        return iter((self.train, self.dev, self.test))


def scaled(pixels: npt.NDArray[Any], rows: Ids) -> npt.NDArray[np.float32]:
    """These `rows` as float32: uint8 pixels of 0..255 become 0..1, other values are kept as they are."""
    out = np.empty((len(rows), *pixels.shape[1:]), dtype=np.float32)
    for start in range(0, len(rows), 4096):  # in chunks: a whole copy of the pixels would double the memory
        chunk = pixels[rows[start : start + 4096]]
        if pixels.dtype == np.uint8:
            np.divide(chunk, np.float32(255), out=out[start : start + 4096], casting="unsafe")
        else:
            out[start : start + 4096] = chunk
    return out


def partitions_of(
    x: npt.NDArray[np.float32], y: Targets, ids: Ids, sizes: list[int], image_shape: tuple[int, ...]
) -> list[Partition]:
    """Consecutive blocks of these `sizes`, as views: the samples stay one array in memory."""
    ends = np.cumsum([0, *sizes]).tolist()
    return [Partition(x[a:b], y[a:b], ids[a:b], image_shape) for a, b in pairwise(ends)]
