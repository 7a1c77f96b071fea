"""What the targets of a dataset are: a class, a mask or numbers."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from backproof.errors import DataError

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
        A `Source` leaves it (): masks take their size from preprocessing.
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

    def caption(self, target: Targets) -> str:
        """One sample's target in a few letters: its class, its numbers, or nothing for a mask."""
        if self.kind == "class":
            return self.names[int(target)]
        return "" if self.kind == "mask" else ", ".join(f"{value:.3g}" for value in target)


def understood(y: Targets, names: tuple[str, ...], where: str) -> tuple[Targets, TargetSpec]:
    """What an array of targets stands for, and the array as it is kept.

    y: (M,) whole numbers: classes. (M, H, W) whole numbers: masks of classes. (M, H, W) or (M, 1, H, W) floats of 0..1
    or booleans: masks of probabilities. (M,) or (M, K) floats: numbers. `names` are those of classes or numbers;
    without them classes are called 0, 1, 2, ... and numbers y, or y0, y1, ...
    Raises `UserError`, beginning with `where`, for any other array, and for values that do not fit.
    """
    whole, masks = y.dtype.kind in "iu", y.ndim == 3 or (y.ndim == 4 and y.shape[1] == 1)
    if whole and y.ndim in (1, 3):
        if y.ndim == 3 and not names:
            raise DataError(f"{where}: y are masks of whole numbers; name their classes, or give floats of 0 to 1")
        names = names or tuple(str(i) for i in range(int(y.max(initial=-1)) + 1))
        if y.size and not (y.min() >= 0 and y.max() < len(names)):
            among = f"{y.min()} to {y.max()}"
            raise DataError(f"{where}: y holds class indices {among}, but there are {len(names)} names of classes")
        y, spec = y.astype(np.int64), TargetSpec("class" if y.ndim == 1 else "mask", names)
    elif masks and y.dtype.kind in "fb":
        if names:
            raise DataError(f"{where}: y are masks of probabilities, which have no names; leave {names} out")
        y = y.reshape(len(y), 1, *y.shape[-2:]).astype(np.float32)
        require_finite(f"{where}: y", y)
        if y.size and not (y.min() >= 0 and y.max() <= 1):
            raise DataError(f"{where}: y holds masks of {y.min():g} to {y.max():g}; probabilities are 0 to 1")
        spec = TargetSpec("mask", (), integer=False)
    elif y.dtype.kind == "f" and y.ndim in (1, 2) and 0 not in y.shape[1:]:
        with np.errstate(over="ignore"):  # reported below
            y = (y if y.ndim == 2 else y[:, None]).astype(np.float32)
        require_finite(f"{where}: y", y)
        count = y.shape[1]
        names = names or (("y",) if count == 1 else tuple(f"y{i}" for i in range(count)))
        if len(names) != count:
            raise DataError(f"{where}: y has {count} numbers a sample, but there are {len(names)} names")
        spec = TargetSpec("number", names, integer=False)
    else:
        raise DataError(
            f"{where}: y has shape {y.shape} and type {y.dtype}; expected classes (M,), numbers (M,) or (M, K) as "
            "floats, or masks (M, H, W)"
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{where}: the name '{twice}' is there twice")
    return y, spec


def require_finite(what: str, array: npt.NDArray[Any]) -> None:
    """Raise `UserError` naming the first sample of `array`, (M, ...), that holds NaN or infinity."""
    finite = np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
    if not finite.all():
        bad, first = np.count_nonzero(~finite), int(finite.argmin())
        samples = "1 sample" if bad == 1 else f"{bad} samples"
        raise DataError(f"{what} holds NaN or infinite values (as float32) in {samples}, the first is sample {first}")
