"""Shapes with a symbolic batch size."""

from math import prod
from typing import Any

from backproof.errors import ModelError

BATCH = "N"
"""The batch size, known only when data arrives."""

Dim = int | str


class Shape(tuple[Dim, ...]):
    """The shape of a value: whole numbers, and `"N"` where the batch size stands.

    >>> Shape("N", 784)
    (N, 784)
    >>> Shape("N", 784).bind(32)
    (32, 784)
    """

    __slots__ = ()

    def __new__(cls, *dims: Dim) -> "Shape":
        """Raise `UserError` for a dimension that is neither a whole number >= 1 nor `"N"`."""
        for dim in dims:
            if dim != BATCH and (not isinstance(dim, int) or dim < 1):
                raise ModelError(f"a dimension is a whole number >= 1 or 'N' (the batch), not {dim!r}")
        return super().__new__(cls, dims)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def bind(self, batch_size: int) -> tuple[int, ...]:
        """The shape with the batch size put in."""
        return tuple(batch_size if dim == BATCH else int(dim) for dim in self)

    @property
    def per_sample(self) -> tuple[int, ...]:
        """The dimensions without the batch."""
        return tuple(int(dim) for dim in self if dim != BATCH)

    @property
    def size(self) -> int:
        """Elements a sample."""
        return prod(self.per_sample)

    def __repr__(self) -> str:
        dims = ", ".join(str(dim) for dim in self)
        return f"({dims},)" if len(self) == 1 else f"({dims})"

    __str__ = __repr__
