"""What the targets of a dataset are: a class, a mask or numbers."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

Targets = npt.NDArray[Any]  # M of them: (M,) int64, (M, H, W) int64, (M, 1, H, W) float32 or (M, K) float32


@dataclass(frozen=True)
class TargetSpec:
    """What one sample's target is.

    Attributes
    ----------
    kind
        "class", "mask" or "number".
    names
        Class names, which class indices index, or what each number is called; () for a mask of probabilities.
    shape
        () for a class, (H, W) for a mask of class indices, (1, H, W) for one of probabilities, (K,) for numbers.
    integer
        Whether targets are class indices, int64; otherwise float32 numbers, or probabilities of 0..1.
    """

    kind: Literal["class", "mask", "number"]
    names: tuple[str, ...]
    shape: tuple[int, ...] = ()
    integer: bool = True

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; () where targets are no classes."""
        return self.names if self.integer else ()
