"""What a name in an ONNX file can stand for, while the file is translated."""

from dataclasses import dataclass

import numpy as np

from backproof.errors import ModelError
from backproof.graph import Array, Shape
from backproof.graph.op import Kind

BATCHES = (5, 7)
"""Two batch sizes. A number that is computed from shapes is evaluated at both: 60 and 84 is twelve times the batch."""


@dataclass(frozen=True)
class Edge:
    """A value that the network computes."""

    name: str
    shape: Shape
    kind: Kind = "float"


@dataclass(frozen=True)
class Known:
    """A value that is known before the network runs, at each of the two `BATCHES`: often twice the same array."""

    at: tuple[Array, Array]

    @classmethod
    def of(cls, array: Array) -> "Known":
        """One that does not depend on the batch."""
        return cls((array, array))

    @property
    def fixed(self) -> bool:
        """Whether it is the same at any batch size."""
        a, b = self.at
        return a is b or (a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f")))

    @property
    def array(self) -> Array:
        """The value of one that is `fixed`. Raises `ModelError` otherwise."""
        if not self.fixed:
            raise ModelError("it depends on the batch size, where a number is needed")
        return self.at[0]

    @property
    def dims(self) -> tuple[int | str, ...]:
        """Whole numbers as dimensions of a shape, with those that are multiples of the batch as "N", "2N", ...

        Raises `ModelError` for a number that depends on the batch in any other way.
        """
        a, b = (np.asarray(array).reshape(-1).tolist() for array in self.at)
        if len(a) != len(b):
            raise ModelError("the number of axes depends on the batch size")
        return tuple(_dim(int(first), int(second)) for first, second in zip(a, b, strict=True))


def _dim(a: int, b: int) -> int | str:
    if a == b:
        return a
    if a > 0 and a * BATCHES[1] == b * BATCHES[0]:
        times = a // BATCHES[0]
        return "N" if times == 1 else f"{times}N"
    raise ModelError(
        f"a size depends on the batch otherwise than by a factor: {a} at {BATCHES[0]}, {b} at {BATCHES[1]}"
    )


@dataclass(frozen=True)
class Weight:
    """Numbers that the file brings and training may move; `name` as the file has it, empty where it says nothing."""

    array: Array
    name: str = ""


Given = Edge | Known | Weight
