"""Operations that only rearrange: every number of the output is one of the input's, and its gradient goes back there.

As PyTorch's of the same names, for values of any shape and kind.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from backproof.errors import DataError, ModelError
from backproof.graph.op import Array, Kind, Op, Sample, operation
from backproof.graph.shape import BATCH, Dim, Shape, batches
from backproof.ops.broadcasting import broadcast_shapes


@dataclass(frozen=True)
class Rearranging(Op):
    """The output holds what the input does."""

    def kind_of(self, *kinds: Kind) -> Kind:
        return self.require_kinds(kinds, "float", "int", "bool")


def require_axes(op: Op, dims: Sequence[int], x: Shape) -> tuple[int, ...]:
    """`dims` counted from the front. Raise `UserError` for one that `x` does not have, or that stands twice."""
    if any(not -len(x) <= dim < len(x) for dim in dims):
        raise ModelError(f"{op} names an axis that {x} does not have; it has the axes 0 to {len(x) - 1}")
    axes = tuple(dim % len(x) for dim in dims)
    if len(set(axes)) < len(axes):
        raise ModelError(f"{op} names an axis of {x} twice")
    return axes


def _elements(dims: Sequence[Dim]) -> tuple[int, int]:
    """The product of dimensions: a factor, and how often N stands in it."""
    factors = (dim if isinstance(dim, int) else batches(dim) for dim in dims)
    return prod(factors), sum(isinstance(dim, str) for dim in dims)


def _shown(elements: tuple[int, int]) -> str:
    factor, powers = elements
    return str(factor) + "·N" * powers if factor > 1 or not powers else "·".join("N" * powers)


@operation
@dataclass(frozen=True)
class View(Rearranging):
    """The same numbers in the same order, last index fastest, under another shape.   dx = dy under that of x.

    `Reshape` is the same for each sample; here the batch may be split from others or joined with them.

    Attributes:
        shape: all dimensions: whole numbers, the batch "N" or a multiple of it such as "12N"; one of them may be -1,
            which is what the others leave.
    """

    shape: tuple[Dim, ...]

    def __post_init__(self) -> None:
        Shape(*(dim for dim in self.shape if dim != -1))
        if self.shape.count(-1) > 1:
            raise ModelError(f"View to {self.shape} leaves more than one dimension open")

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        given, asked = _elements(x), _elements([dim for dim in self.shape if dim != -1])
        if -1 not in self.shape:
            if given != asked:
                raise ModelError(f"View to {Shape(*self.shape)} needs {_shown(asked)} elements, not {_shown(given)}")
            return Shape(*self.shape)
        batches = given[1] - asked[1]
        if given[0] % asked[0] or batches not in (0, 1):
            raise ModelError(f"View to {self.shape} needs a multiple of {_shown(asked)} elements, not {_shown(given)}")
        left = given[0] // asked[0]
        opened = left if not batches else BATCH if left == 1 else f"{left}{BATCH}"
        return Shape(*(opened if dim == -1 else dim for dim in self.shape))

    def bind(self, samples: int) -> tuple[int, ...]:
        """The dimensions for so many samples, -1 for the open one."""
        return tuple(dim if isinstance(dim, int) else batches(dim) * samples for dim in self.shape)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=View((BATCH, 3, 4)), shapes=((2, 12),))
        yield Sample(op=View((BATCH, 2, 3, 2)), shapes=((2, 3, 4),))
        yield Sample(op=View((-1, 6)), shapes=((3, 2, 3),))
        yield Sample(op=View((2, -1)), shapes=((2, 3, 2),), constants=(0,))
        yield Sample(op=View((BATCH,)), shapes=((3, 1, 1),))
        yield Sample.of(View(("6N", 2)), Shape(BATCH, 3, 2, 2))
        yield Sample.of(View((BATCH, 3, -1)), Shape("3N", 4))
        yield Sample.of(View((2, -1)), Shape(BATCH, 4, 3))
        yield Sample.of(View((BATCH, 6)), Shape(BATCH, 2, 3), kinds=("int",))


@operation
@dataclass(frozen=True)
class Permute(Rearranging):
    """Axis k of y is axis dims[k] of x: y[i₀, i₁, ...] = x[j] with j[dims[k]] = iₖ.   dx is dy permuted back.

    Attributes:
        dims: for each axis of y, the axis of x that it is; negative ones counted from the end.
    """

    dims: tuple[int, ...]

    def axes(self, rank: int) -> tuple[int, ...]:
        """`dims` counted from the front."""
        return tuple(dim % rank for dim in self.dims)

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if len(self.dims) != len(x):
            raise ModelError(f"{self} names {len(self.dims)} axes where {x} has {len(x)}")
        return Shape(*(x[axis] for axis in require_axes(self, self.dims, x)))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Permute((0, 2, 1)), shapes=((2, 3, 4),))
        yield Sample(op=Permute((0, 2, 1, 3)), shapes=((2, 3, 2, 4),))
        yield Sample(op=Permute((0, -1, 1, 2)), shapes=((2, 3, 2, 4),))
        yield Sample(op=Permute((0, 1, 2)), shapes=((2, 3, 1),))
        yield Sample(op=Permute((2, 0, 1)), shapes=((2, 3, 4),), constants=(0,))
        yield Sample.of(Permute((1, 2, 0)), Shape("2N", 3, 2))
        yield Sample.of(Permute((2, 0, 3, 1)), Shape(3, 2, BATCH, 2))
        yield Sample.of(Permute((1, 0)), Shape(BATCH, 3), kinds=("bool",))


Bound = int | None


@operation
@dataclass(frozen=True)
class Slice(Rearranging):
    """y[i] = x[start + step · i] along an axis, as Python's `x[start:stop:step]`.   dx is dy there, and 0 elsewhere.

    Several axes at once where the attributes are tuples, one number an axis. Along the batch nothing can be left out.

    Attributes:
        dim: the axis.
        start: the first element; negative ones counted from the end, None for the one at the end.
        stop: the first element that is left out, likewise.
        step: from one element to the next; a negative one goes backwards.
    """

    dim: int | tuple[int, ...]
    start: Bound | tuple[Bound, ...] = 0
    stop: Bound | tuple[Bound, ...] = None
    step: int | tuple[int, ...] = 1

    def __post_init__(self) -> None:
        for name in ("dim", "start", "stop", "step"):
            value = getattr(self, name)
            object.__setattr__(self, name, value if isinstance(value, tuple) else (value,))
        assert isinstance(self.dim, tuple)
        for name in ("start", "stop", "step"):
            values = getattr(self, name)
            if len(values) == 1:
                object.__setattr__(self, name, values * len(self.dim))
            elif len(values) != len(self.dim):
                raise ModelError(f"Slice has one {name} an axis of {self.dim}, not {len(values)}")
        if 0 in self._tuple("step"):
            raise ModelError("Slice's step is not 0")

    def _tuple(self, name: str) -> tuple[int, ...]:
        found: tuple[int, ...] = getattr(self, name)
        return found

    def slices(self, rank: int) -> tuple[slice, ...]:
        """What stands between the brackets of `x[...]`."""
        found = [slice(None)] * rank
        for dim, start, stop, step in zip(*map(self._tuple, ("dim", "start", "stop", "step")), strict=True):
            found[dim] = slice(start, stop, step)
        return tuple(found)

    def ranges(self, shape: Sequence[int]) -> tuple[range, ...]:
        """The places that are taken along each axis of x."""
        return tuple(range(*part.indices(size)) for part, size in zip(self.slices(len(shape)), shape, strict=True))

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        require_axes(self, self._tuple("dim"), x)
        # Of a batch nothing may be left out, whatever its size: of two sizes far apart, all places are taken.
        for size, part in zip(x, self.slices(len(x)), strict=True):
            if isinstance(size, str) and any(
                len(range(*part.indices(n))) != n or abs(part.step or 1) != 1 for n in (1, 1 << 30)
            ):
                raise ModelError(f"{self} takes a part of the batch of {x}; along that nothing can be left out")
        sizes = [dim if isinstance(dim, str) else None for dim in x]
        taken = self.ranges([1 if isinstance(dim, str) else dim for dim in x])
        if not all(taken):
            raise ModelError(f"{self} leaves nothing of {x}")
        return Shape(*(len(places) if size is None else size for size, places in zip(sizes, taken, strict=True)))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Slice(1, 1, 3), shapes=((2, 4),))
        yield Sample(op=Slice(1), shapes=((2, 3),))
        yield Sample(op=Slice(-1, -3, None, 2), shapes=((2, 3, 5),))
        yield Sample(op=Slice(2, -1, -100, -2), shapes=((2, 2, 4),))
        yield Sample(op=Slice((1, 3), (2, 0), (1 << 62, -1)), shapes=((2, 3, 2, 3),))
        yield Sample(op=Slice((0, 1), (None, 0), None, (-1, 1)), shapes=((3, 2),))
        yield Sample(op=Slice(0, 1), shapes=((3, 2),), constants=(0,))
        yield Sample.of(Slice((0, 2), (1, 0), (None, 1)), Shape(3, BATCH, 2))
        yield Sample.of(Slice(1, 1), Shape(BATCH, 3), kinds=("int",))


@operation
@dataclass(frozen=True)
class Expand(Rearranging):
    """y = x, repeated along the axes that x lacks or has once, as NumPy broadcasts.   dx is the sum over its copies.

    Attributes:
        shape: of y: whole numbers, the batch "N" or a multiple of it, or -1, which keeps the dimension of x.
    """

    shape: tuple[Dim, ...]

    def __post_init__(self) -> None:
        Shape(*(dim for dim in self.shape if dim != -1))

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        lacking = len(self.shape) - len(x)
        if lacking < 0 or -1 in self.shape[:lacking]:
            raise ModelError(f"{self} takes an input of as many axes at most, with one for each -1, not {x}")
        kept = (
            *self.shape[:lacking],
            *(own if dim == -1 else dim for own, dim in zip(x, self.shape[lacking:], strict=True)),
        )
        if broadcast_shapes(self, x, Shape(*kept)) != kept:
            raise ModelError(f"{self} cannot broadcast {x} to {Shape(*kept)}")
        return Shape(*kept)

    def bind(self, x: tuple[int, ...], samples: int) -> tuple[int, ...]:
        """The shape of y for so many samples, from that of x."""
        asked = [dim if isinstance(dim, int) else batches(dim) * samples for dim in self.shape]
        own = (1,) * (len(asked) - len(x)) + x
        return tuple(size if dim == -1 else dim for size, dim in zip(own, asked, strict=True))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Expand((-1, 3, 4)), shapes=((2, 1, 4),))
        yield Sample(op=Expand((-1, 2, 3, 2, 2)), shapes=((2, 1, 3, 1, 2),))
        yield Sample(op=Expand((BATCH, 3)), shapes=((4, 3),))
        yield Sample.of(Expand((BATCH, 2, 3)), Shape(1, 1, 3))
        yield Sample.of(Expand((3, BATCH, 1)), Shape(BATCH, 1))
        yield Sample.of(Expand(("2N",)), Shape(1), kinds=("int",))
        yield Sample.of(Expand((2, 1, 3)), Shape(3))


def require_places(places: Array, size: int, node: str) -> Array:
    """Places along an axis of `size`, counted from the front. Raises `UserError` for one that is not along it."""
    low, high = (int(places.min()), int(places.max())) if places.size else (0, 0)
    if low < -size or high >= size:
        raise DataError(f"node '{node}': indices lie in {-size}..{size - 1}, but some are {low} or {high}")
    return np.where(places < 0, places + size, places) if low < 0 else places


@operation
@dataclass(frozen=True)
class IndexSelect(Rearranging):
    """y[..., i, ...] = x[..., index[i], ...] along an axis.   dx is the sum of dy over all i that took the element.

    Attributes:
        dim: the axis, of a fixed size.
        index: which elements, in order; one may stand there several times, and negative ones count from the end.
    """

    dim: int
    index: tuple[int, ...]

    def places(self, size: int) -> tuple[int, ...]:
        """`index` counted from the front."""
        return tuple(place % size for place in self.index)

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        (axis,) = require_axes(self, (self.dim,), x)
        size = x.fixed(axis)
        if not self.index or not -size <= min(self.index) <= max(self.index) < size:
            raise ModelError(f"IndexSelect's index has one place or more, in {-size}..{size - 1}, not {self.index}")
        return Shape(*x[:axis], len(self.index), *x[axis + 1 :])

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=IndexSelect(1, (2, 0)), shapes=((2, 3),))
        yield Sample(op=IndexSelect(-1, (1, 1, 0, 1)), shapes=((2, 3, 2),))
        yield Sample(op=IndexSelect(1, (0, -1, 0)), shapes=((2, 3, 2, 2),))
        yield Sample.of(IndexSelect(0, (2, 1)), Shape(3, BATCH))
        yield Sample.of(IndexSelect(0, (1, 1, 1)), Shape(2, 3), kinds=("bool",))


@operation
@dataclass(frozen=True)
class Take(Rearranging):
    """y[a, i, b] = x[a, indices[i], b], where a stands for the axes before `dim`, b for those after, i for any number.

    x: (A..., size, B...)   indices: whole numbers from -size to size - 1, of any shape   y: (A..., *indices, B...).
    Of a table (words, features) it is an embedding.   dx is the sum of dy over all i that took the element.   NumPy's
    `take`, ONNX's Gather.

    Attributes:
        dim: the axis of x, of a fixed size.
    """

    arity: ClassVar[int] = 2
    indices: ClassVar[tuple[int, ...]] = (1,)

    dim: int = 0

    def kind_of(self, *kinds: Kind) -> Kind:
        self.require_kinds(kinds[1:], "int")
        return super().kind_of(kinds[0])

    def output_shape(self, *inputs: Shape) -> Shape:
        x, indices = inputs
        (axis,) = require_axes(self, (self.dim,), x)
        x.fixed(axis)
        return Shape(*x[:axis], *indices, *x[axis + 1 :])

    def draw_inputs(self, rng: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
        x, indices = shapes
        return rng.standard_normal(x), rng.integers(-x[self.dim], x[self.dim], indices)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample.of(Take(), Shape(4, 3), Shape(BATCH, 5))
        yield Sample.of(Take(1), Shape(BATCH, 3, 2), Shape(4))
        yield Sample.of(Take(-1), Shape(2, 3), Shape(3, BATCH))
        yield Sample.of(Take(1), Shape(BATCH, 2, 3), Shape())
        yield Sample.of(Take(), Shape(1, 2), Shape(BATCH))
        yield Sample.of(Take(2), Shape(BATCH, 2, 3, 2), Shape(2, 1), kinds=("int", "int"))
