"""What every source of samples gives: targets, and images that are read when asked for."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from backproof.data.targets import Targets, TargetSpec, understood
from backproof.errors import DataError

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
        Their targets, (M, ...); masks may be read when asked for, as images. Masks in files are uint8: class
        indices (H, W), or 0..255 for probabilities (1, H, W).
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
    y: Targets | Images
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
        y: Targets,
        names: tuple[str, ...] = (),
        *,
        kind: str = "arrays",
        where: str = "built in",
        test_from: int | None = None,
    ) -> "Source":
        """The source of `images`, (M, H, W, C) or (M, D), uint8 of 0..255 or float32, which are kept as they are.

        `y` and `names` as in `targets.understood`: whole numbers (M,) are classes, floats (M,) or (M, K) are numbers,
        (M, H, W) are masks. Raises `UserError` where these do not fit each other.
        """
        this = f"{where}: '{name}'"
        if images.ndim not in (2, 4) or 0 in images.shape[1:]:
            raise DataError(f"{where}: a sample of '{name}' has the shape {images.shape[1:]}, not (H, W, C) or (D,)")
        if y.shape[:1] != images.shape[:1]:
            raise DataError(f"{this} has {len(images)} samples, but y of the shape {y.shape}")
        y, targets = understood(y, names, this)
        if targets.kind == "mask" and y.shape[-2:] != images.shape[1:3]:
            raise DataError(f"{this} has samples of {images.shape[1:]}, but masks of {y.shape[-2:]}")
        digest = hashlib.sha256(np.ascontiguousarray(images).data)
        digest.update(repr((images.shape, images.dtype.str, targets.names, test_from)).encode() + y.tobytes())
        if targets.kind != "class":
            digest.update(repr((targets, y.shape)).encode())
        return cls(name, kind, where, targets, images, y, digest.hexdigest(), test_from)
