"""Operations that only rearrange: every number of the output is one of the input's, and its gradient goes back there.

As PyTorch's of the same names, for values of any shape.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from backproof.errors import ModelError
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import BATCH, Dim, Shape


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
    factors = [int(str(dim).removesuffix(BATCH) or 1) for dim in dims]
    return prod(factors), sum(isinstance(dim, str) for dim in dims)


def _shown(elements: tuple[int, int]) -> str:
    factor, powers = elements
    return str(factor) + "·N" * powers if factor > 1 or not powers else "·".join("N" * powers)


@operation
@dataclass(frozen=True)
class View(Op):
    """The same numbers in the same order, last index fastest, under another shape.   dx = dy under that of x.

    `Reshape` is the same for each sample; here the batch may be split from others or joined with them.

    Attributes:
        shape: all dimensions: whole numbers, and perhaps one that is open: the batch "N", a multiple of it such as
            "12N", or -1, which is what the others leave.
    """

    shape: tuple[Dim, ...]

    def __post_init__(self) -> None:
        Shape(*(dim for dim in self.shape if dim != -1))
        if sum(dim == -1 or isinstance(dim, str) for dim in self.shape) > 1:
            raise ModelError(f"View has one open dimension at most, -1, 'N' or a multiple of it, not {self.shape}")

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

    @property
    def bound(self) -> tuple[int, ...]:
        """The dimensions, -1 for the open one."""
        return tuple(-1 if isinstance(dim, str) else dim for dim in self.shape)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=View((BATCH, 3, 4)), shapes=((2, 12),))
        yield Sample(op=View((BATCH, 2, 3, 2)), shapes=((2, 3, 4),))
        yield Sample(op=View((-1, 6)), shapes=((3, 2, 3),))
        yield Sample(op=View((2, -1)), shapes=((2, 3, 2),), constants=(0,))
        yield Sample(op=View((BATCH,)), shapes=((3, 1, 1),))


@operation
@dataclass(frozen=True)
class Permute(Op):
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


Bound = int | None


@operation
@dataclass(frozen=True)
class Slice(Op):
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
        yield Sample(op=Slice(-1, -3, None, 2), shapes=((2, 3, 5),))
        yield Sample(op=Slice(2, -1, -100, -2), shapes=((2, 2, 4),))
        yield Sample(op=Slice((1, 3), (2, 0), (1 << 62, -1)), shapes=((2, 3, 2, 3),))
        yield Sample(op=Slice((0, 1), (None, 0), None, (-1, 1)), shapes=((3, 2),))
        yield Sample(op=Slice(0, 1), shapes=((3, 2),), constants=(0,))
