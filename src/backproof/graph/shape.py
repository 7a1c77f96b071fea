"""Shapes with a symbolic batch size."""

import re
from math import prod
from typing import Any

from backproof.errors import ModelError

BATCH = "N"
"""The batch size, known only when data arrives."""

Dim = int | str

_MULTIPLE = re.compile(r"([2-9]|[1-9][0-9]+)N")


class Shape(tuple[Dim, ...]):
    """The shape of a value: whole numbers, and `"N"` where the batch size stands, or a multiple of it such as `"12N"`.

    The batch may stand at any axis, or at none: then the value is the same for every batch.

    >>> Shape("N", 784)
    (N, 784)
    >>> Shape("12N", 64).bind(32)
    (384, 64)
    """

    __slots__ = ()

    def __new__(cls, *dims: Dim) -> "Shape":
        """Raise `UserError` for a dimension that is neither a whole number >= 1 nor `"N"` or a multiple of it."""
        for dim in dims:
            if not _is_dimension(dim):
                raise ModelError(
                    f"a dimension is a whole number >= 1, 'N' (the batch) or a multiple such as '12N', not {dim!r}"
                )
        return super().__new__(cls, dims)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def bind(self, batch_size: int) -> tuple[int, ...]:
        """The shape with the batch size put in."""
        return tuple(dim if isinstance(dim, int) else batches(dim) * batch_size for dim in self)

    def batch_in(self, shape: tuple[int, ...]) -> int | None:
        """The batch size N with which this is `shape`: 1 if the batch stands nowhere. None if it fits no N."""
        if len(shape) != len(self):
            return None
        found = {size / batches(dim) for dim, size in zip(self, shape, strict=True) if not isinstance(dim, int)}
        n = found.pop() if found else 1
        return None if found or n != int(n) or self.bind(int(n)) != shape else int(n)

    def fixed(self, axis: int) -> int:
        """The size along an axis where no batch may stand. Raises `UserError` if one does, or there is no such axis."""
        if not -len(self) <= axis < len(self):
            raise ModelError(f"{self} has no axis {axis}")
        dim = self[axis]
        if not isinstance(dim, int):
            raise ModelError(f"axis {axis} of {self} is the batch, which is not known before data arrives")
        return dim

    @property
    def has_batch(self) -> bool:
        """Whether the batch stands at any axis."""
        return any(not isinstance(dim, int) for dim in self)

    @property
    def per_sample(self) -> tuple[int, ...]:
        """The dimensions without the batch."""
        return tuple(dim for dim in self if isinstance(dim, int))

    @property
    def size(self) -> int:
        """Elements a sample; all of them where there is no batch."""
        return prod(dim if isinstance(dim, int) else batches(dim) for dim in self)

    def __repr__(self) -> str:
        dims = ", ".join(str(dim) for dim in self)
        return f"({dims},)" if len(self) == 1 else f"({dims})"

    __str__ = __repr__


def broadcast(*shapes: Shape) -> Shape | None:
    """The shape that all are broadcast to, by NumPy's rule; None where they do not fit."""
    rank = max(map(len, shapes), default=0)
    found = []
    for dims in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True):
        sizes = set(dims) - {1}
        if len(sizes) > 1:
            return None
        found.append(sizes.pop() if sizes else 1)
    return Shape(*found)


def batches(dim: str) -> int:
    """How many batches long a symbolic dimension is: 1 for "N", 12 for "12N"."""
    return 1 if dim == BATCH else int(dim[:-1])


def _is_dimension(dim: object) -> bool:
    if isinstance(dim, int) and not isinstance(dim, bool):
        return dim >= 1
    return isinstance(dim, str) and (dim == BATCH or _MULTIPLE.fullmatch(dim) is not None)
