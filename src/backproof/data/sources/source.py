"""What every source of samples gives: targets, and images that are read when asked for."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from backproof.data.targets import Targets, TargetSpec
from backproof.errors import UserError

Image = npt.NDArray[Any]  # (H, W, C) uint8 or float32; a vector (D,) where a source has no images


class BadImageError(Exception):
    """An image that cannot be used; the message names the file and says why."""


class Images(Protocol):
    """Images by number: an array (M, H, W, C) or (M, D), or files that are read when asked for."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Image: ...


def _numbered(index: int) -> str:
    return f"sample {index}"


@dataclass(frozen=True)
class Source:
    """A dataset as it is found, before preprocessing.

    Attributes
    ----------
    name, kind
        What it is called, and what it was read from: "folder", "IDX", "npz", "scikit-learn".
    where
        Its path, or "built in".
    targets
        What `y` is.
    images
        The M samples. `images[i]` raises `BadImageError` when a file cannot be read.
    y
        Their targets, (M, ...).
    content
        SHA-256 of all that was read: names and bytes.
    test_from
        Samples from this number on are the source's own test partition; None: it has none.
    sample_name
        How an error names sample i.
    notes
        What a user should know, such as files left out because they are no images.
    """

    name: str
    kind: str
    where: str
    targets: TargetSpec
    images: Images
    y: Targets
    content: str
    test_from: int | None = None
    sample_name: Callable[[int], str] = _numbered
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.y)

    @classmethod
    def from_arrays(
        cls,
        name: str,
        images: Image,
        labels: npt.NDArray[np.int64],
        classes: tuple[str, ...],
        *,
        kind: str = "arrays",
        where: str = "built in",
        test_from: int | None = None,
    ) -> "Source":
        """The source of `images`, (M, H, W, C) or (M, D), uint8 of 0..255 or float32, which are kept as they are.

        `labels`, (M,), index `classes`. Raises `UserError` where these do not fit each other.
        """
        if images.ndim not in (2, 4) or 0 in images.shape[1:]:
            raise UserError(f"{where}: a sample of '{name}' has the shape {images.shape[1:]}, not (H, W, C) or (D,).")
        if labels.shape != images.shape[:1]:
            raise UserError(f"{where}: '{name}' has {len(images)} samples, but labels of the shape {labels.shape}.")
        if len(labels) and not (labels.min() >= 0 and labels.max() < len(classes)):
            among = f"{labels.min()} to {labels.max()}"
            raise UserError(f"{where}: '{name}' has labels {among}, but there are {len(classes)} names of classes.")
        if len(set(classes)) < len(classes):
            twice = next(c for c in classes if classes.count(c) > 1)
            raise UserError(f"{where}: '{name}' has the class name '{twice}' twice.")
        digest = hashlib.sha256(np.ascontiguousarray(images).data)
        digest.update(repr((images.shape, images.dtype.str, classes, test_from)).encode() + labels.tobytes())
        return cls(name, kind, where, TargetSpec("class", classes), images, labels, digest.hexdigest(), test_from)
