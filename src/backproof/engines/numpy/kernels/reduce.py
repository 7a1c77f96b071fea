"""One number of many, along axes.

Sum         y = Σ x            dx = dy
Mean        y = Σ x / n        dx = dy / n
Amax        y = max x          dx = dy [x = y] / (how many are)      Amin likewise
Prod        y = Π x            dx = dy times the product of all others
LogSumExp   y = log Σ eˣ       dx = dy e^(x - y)
"""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import axis_of, channels_first, channels_last
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Amax, Amin, LogSumExp, Mean, Prod, Sum
from backproof.ops.reduce import Reduction


class ReductionKernel(NumpyKernel[Reduction]):
    """What all share: which axes these are as x is laid out, and how y is."""

    layout: ClassVar = "each"

    def forward(self, op: Reduction, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        (x,) = inputs
        axes = _axes(op, x, call)
        kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
        dtype = x.dtype if x.dtype.kind == "i" else None
        shape = _shape(op, kept, call)
        y = call.borrow_output(shape, dtype)
        if _lies_alike(op, call):
            self.compute(x, axes, y.reshape(kept), call)
        else:
            call.ways.add("turned")
            found = np.empty(kept, y.dtype)
            self.compute(x, axes, found, call)
            canonical = (channels_first(found) if call.turned[0] else found).reshape(_canonical(shape, call))
            y[...] = channels_last(canonical) if call.output_turned else canonical
        return y, (x, axes, kept, y)

    def backward(self, op: Reduction, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        x, axes, kept, y = saved
        dx = call.borrow_gradient(x.shape)
        self.differentiate(_spread(op, dy, kept, call), x, axes, _spread(op, y, kept, call), dx, call)
        return (dx,)

    def compute(self, x: Array, axes: tuple[int, ...], y: Array, call: Workspace) -> None:
        """Fill y, in which the axes have one place each."""
        raise NotImplementedError

    def differentiate(self, dy: Array, x: Array, axes: tuple[int, ...], y: Array, dx: Array, call: Workspace) -> None:
        """Fill dx; in dy and y the axes have one place each."""
        raise NotImplementedError


def _axes(op: Reduction, x: Array, call: Workspace) -> tuple[int, ...]:
    """Those of x as it is laid out."""
    return tuple(sorted(axis_of(axis, x.ndim, call.turned[0]) % x.ndim for axis in op.axes(x.ndim)))


def _lies_alike(op: Reduction, call: Workspace) -> bool:
    """Whether what is left of x's axes is in y's order."""
    return call.turned[0] == call.output_turned and (op.keepdim or not call.turned[0])


def _shape(op: Reduction, kept: tuple[int, ...], call: Workspace) -> tuple[int, ...]:
    """The shape of y as it is laid out; `kept` is that with the axes, as x is."""
    rank = len(kept)
    order = (0, rank - 1, *range(1, rank - 1)) if call.turned[0] and rank > 2 else range(rank)
    canonical = [kept[axis] for axis in order]
    left = [size for axis, size in enumerate(canonical) if op.keepdim or axis not in op.axes(rank)]
    return (left[0], *left[2:], left[1]) if call.output_turned else tuple(left)


def _canonical(shape: tuple[int, ...], call: Workspace) -> tuple[int, ...]:
    return (shape[0], shape[-1], *shape[1:-1]) if call.output_turned else shape


def _spread(op: Reduction, y: Array, kept: tuple[int, ...], call: Workspace) -> Array:
    """y, or its gradient, with the axes, laid out as x is."""
    if _lies_alike(op, call):
        return y.reshape(kept)
    canonical = channels_first(y) if call.output_turned else y
    if not call.turned[0]:
        return canonical.reshape(kept)
    return channels_last(canonical.reshape((kept[0], kept[-1], *kept[1:-1])))


@computes(KERNELS, Sum)
class SumKernel(ReductionKernel):
    """Each number gets the whole gradient."""

    def compute(self, x: Array, axes: tuple[int, ...], y: Array, call: Workspace) -> None:
        np.sum(x, axis=axes, keepdims=True, out=y)

    def differentiate(self, dy: Array, x: Array, axes: tuple[int, ...], y: Array, dx: Array, call: Workspace) -> None:
        dx[...] = dy


@computes(KERNELS, Mean)
class MeanKernel(ReductionKernel):
    """Each number gets its share."""

    def compute(self, x: Array, axes: tuple[int, ...], y: Array, call: Workspace) -> None:
        np.mean(x, axis=axes, keepdims=True, out=y)

    def differentiate(self, dy: Array, x: Array, axes: tuple[int, ...], y: Array, dx: Array, call: Workspace) -> None:
        np.multiply(dy, y.size / x.size, out=dx)


class ExtremeKernel(ReductionKernel):
    """The gradient goes to the largest, or smallest; in equal parts where there are several."""

    def differentiate(self, dy: Array, x: Array, axes: tuple[int, ...], y: Array, dx: Array, call: Workspace) -> None:
        np.equal(x, y, out=dx, casting="unsafe")
        dx *= dy / np.sum(dx, axis=axes, keepdims=True)


@computes(KERNELS, Amax)
class AmaxKernel(ExtremeKernel):
    """The largest."""

    def compute(self, x: Array, axes: tuple[int, ...], y: Array, call: Workspace) -> None:
        np.amax(x, axis=axes, keepdims=True, out=y)


@computes(KERNELS, Amin)
class AminKernel(ExtremeKernel):
    """The smallest."""

    def compute(self, x: Array, axes: tuple[int, ...], y: Array, call: Workspace) -> None:
        np.amin(x, axis=axes, keepdims=True, out=y)


@computes(KERNELS, Prod)
class ProdKernel(ReductionKernel):
    """The others' product is that of those before and of those after, without a division."""

    def compute(self, x: Array, axes: tuple[int, ...], y: Array, call: Workspace) -> None:
        np.prod(x, axis=axes, keepdims=True, out=y)

    def differentiate(self, dy: Array, x: Array, axes: tuple[int, ...], y: Array, dx: Array, call: Workspace) -> None:
        last = tuple(range(-len(axes), 0))
        along = np.moveaxis(x, axes, last)
        rows = along.reshape(-1, x.size // y.size)
        others = np.ones_like(rows)
        np.cumprod(rows[:, :-1], axis=1, out=others[:, 1:])
        after = np.cumprod(rows[:, :0:-1], axis=1)
        others[:, :-1] *= after[:, ::-1]
        np.multiply(np.moveaxis(others.reshape(along.shape), last, axes), dy, out=dx)


@computes(KERNELS, LogSumExp)
class LogSumExpKernel(ReductionKernel):
    """The largest number is taken off first."""

    def compute(self, x: Array, axes: tuple[int, ...], y: Array, call: Workspace) -> None:
        top = np.amax(x, axis=axes, keepdims=True)
        top[~np.isfinite(top)] = 0
        exponentials = np.subtract(x, top, out=call.pool.scratch("exponentials", x.shape))
        np.sum(np.exp(exponentials, out=exponentials), axis=axes, keepdims=True, out=y)
        np.log(y, out=y)
        y += top

    def differentiate(self, dy: Array, x: Array, axes: tuple[int, ...], y: Array, dx: Array, call: Workspace) -> None:
        np.exp(np.subtract(x, y, out=dx), out=dx)
        dx *= dy
