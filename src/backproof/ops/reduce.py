"""One number of many: sums, means and the like along axes, as PyTorch's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from backproof.errors import ModelError
from backproof.graph.op import Kind, Op, Sample, operation
from backproof.graph.shape import Dim, Shape


@dataclass(frozen=True)
class Reduction(Op):
    """Along each axis of `dim` all numbers become one.

    The batch may be among them: then y is the same for all samples.

    Attributes:
        dim: the axes, negative ones counted from the end; None: all.
        keepdim: whether they stay in y, with one place each.
    """

    accepted: ClassVar[tuple[Kind, ...]] = ("float",)
    """What x may hold; y holds the same."""

    dim: int | tuple[int, ...] | None = None
    keepdim: bool = False

    def __post_init__(self) -> None:
        if self.dim == ():
            raise ModelError(f"{type(self).__name__}'s dim names one axis or more, or is None for all")

    def axes(self, rank: int) -> tuple[int, ...]:
        """The axes of an x of that many, counted from the front, in order."""
        if self.dim is None:
            return tuple(range(rank))
        return tuple(sorted(axis % rank for axis in (self.dim if isinstance(self.dim, tuple) else (self.dim,))))

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        given = () if self.dim is None else self.dim if isinstance(self.dim, tuple) else (self.dim,)
        if not x or any(not -len(x) <= axis < len(x) for axis in given):
            has = f"the axes 0 to {len(x) - 1}" if x else "no axis"
            raise ModelError(f"{self} does not fit {x}, which has {has}")
        axes = self.axes(len(x))
        if len(set(axes)) < len(axes):
            raise ModelError(f"{self} names an axis of {x} twice")
        dims: list[Dim | None] = [None if axis in axes else dim for axis, dim in enumerate(x)]
        return Shape(*(dim or 1 for dim in dims if dim or self.keepdim))

    def kind_of(self, *kinds: Kind) -> Kind:
        return self.require_kinds(kinds, *self.accepted)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=cls(), shapes=((4, 3),))
        yield Sample(op=cls(keepdim=True), shapes=((3, 2, 2),))
        yield Sample(op=cls(0), shapes=((4, 3),))
        yield Sample(op=cls(-1), shapes=((4, 3),))
        yield Sample(op=cls(1, keepdim=True), shapes=((2, 3, 4),))
        yield Sample(op=cls((2, 3)), shapes=((2, 3, 2, 4),))
        yield Sample(op=cls((-1, -2), keepdim=True), shapes=((2, 3, 2, 4),))
        yield Sample(op=cls((0, 2)), shapes=((2, 3, 2, 2),))
        yield Sample(op=cls(1), shapes=((2, 1),))
        yield Sample.of(cls(0), Shape(3, "2N"))
        yield Sample.of(cls(1), Shape(2, 3))
        yield Sample(op=cls(1), shapes=((5, 4),), values="whole")
        if "int" in cls.accepted:
            yield Sample.of(cls(1), Shape("N", 4), kinds=("int",))


@operation
@dataclass(frozen=True)
class Sum(Reduction):
    """y = Σ x.   dx = dy."""

    accepted: ClassVar[tuple[Kind, ...]] = ("float", "int")


@operation
@dataclass(frozen=True)
class Mean(Reduction):
    """y = Σ x / n, of n numbers.   dx = dy / n."""


@operation
@dataclass(frozen=True)
class Amax(Reduction):
    """y = max x.   dx = dy where x = y, divided evenly where several are the largest; else 0."""

    accepted: ClassVar[tuple[Kind, ...]] = ("float", "int")


@operation
@dataclass(frozen=True)
class Amin(Reduction):
    """y = min x.   dx = dy where x = y, divided evenly where several are the smallest; else 0."""

    accepted: ClassVar[tuple[Kind, ...]] = ("float", "int")


@operation
@dataclass(frozen=True)
class Prod(Reduction):
    """y = Π x.   dx[i] = dy times the product of all others, which is right for zeros too."""

    accepted: ClassVar[tuple[Kind, ...]] = ("float", "int")


@operation
@dataclass(frozen=True)
class LogSumExp(Reduction):
    """y = log Σ eˣ, where the largest x is taken off first, so that nothing overflows.   dx = dy e^(x - y)."""

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(1), shapes=((4, 3),), values="far")
