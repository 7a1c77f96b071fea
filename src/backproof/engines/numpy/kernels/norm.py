"""Normalisation.

    x̂ = (x - μ) / s,   s = √(σ² + ε)        y = γ x̂ + β        μ and σ² are the mean and the variance of x over

the batch, a channel at a time (BatchNorm, Ioffe & Szegedy 2015), the last axes of a sample (LayerNorm, Ba et al. 2016)
or some channels of a sample (GroupNorm, Wu & He 2018). Neither x̂ nor s·x̂ is kept for backward: x is, and is enough.

BatchNorm sees images (N, H, W, C) as a matrix of n = N·H·W rows and C columns. With a = γ / s:

    y = a x + b                                                b = β - a μ
    dβ = Σ dy        dγ = Σ dy x̂ = (Σ dy x - μ Σ dy) / s
    dx = a (dy - dβ / n - x̂ dγ / n) = a (dy + c x + d)         c = - dγ / (n s),   d = - dβ / n - c μ

and dx = a dy in evaluation, where μ and s are constants. Column sums are `ones @ x`: a matrix product. All passes but
the plain sum go block by block, so that what one writes the next finds in the cache. A number a channel is laid out
for a whole block beforehand (`down`): NumPy copies what it broadcasts, each time, at twice the price of the sum itself;
and its maximum with a number takes twice as long as that with zeros.

LayerNorm and GroupNorm, with d = γ dy and means over the axes that share μ:

    dβ = Σ dy        dγ = Σ dy x̂        dx = (d - mean d - x̂ mean (d x̂)) / s
"""

from collections.abc import Iterator
from typing import ClassVar, TypeVar

import numpy as np

from backproof.engines.kernel import AnyOp, Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import axis_of, channels_last
from backproof.engines.numpy.workspace import Pool, Workspace
from backproof.graph import Array, Arrays
from backproof.ops import BatchNorm, GroupNorm, LayerNorm

WithinSample = TypeVar("WithinSample", LayerNorm, GroupNorm)


class Blocks:
    """A matrix in blocks of rows, of about `norm_elements` each, and scratch of that shape."""

    def __init__(self, x: Array, call: Workspace) -> None:
        self._pool = call.pool
        self._rows, columns = x.shape
        height = max(1, call.pool.tuning.norm_elements // columns)
        if height < self._rows:
            call.note_blocks(self._rows, height)
            self._shape = (height, columns)
        else:
            call.ways.add("one block")
            self._shape = (self._rows, columns)

    def __iter__(self) -> Iterator[tuple[slice, int]]:
        """Each block's rows, and how many they are."""
        height = self._shape[0]
        for start in range(0, self._rows, height):
            count = min(height, self._rows - start)
            yield slice(start, start + count), count

    def room(self) -> Array:
        """Undefined contents."""
        return self._pool.scratch("block", self._shape)

    def mask(self) -> Array:
        """Undefined truth values."""
        return self._pool.mask(self._shape)

    def down(self, name: str, vector: Array | float) -> Array:
        """`vector`, a number a column, in every row: NumPy broadcasts short rows at a fraction of full speed."""
        block = self._pool.scratch(f"block {name}", self._shape)
        block[...] = vector
        return block


class ColumnKernel(NumpyKernel[AnyOp]):
    """What BatchNorm shares with its fused form. Each pass over memory is a method, so that engines may replace it."""

    def scale_and_shift(self, op: BatchNorm, x: Array, p: Arrays, call: Workspace) -> tuple[Array, ...]:
        """The matrix x, and a, b, μ and 1/s of its columns; in training from x itself, which moves the running ones.

        What is given for x is x - μ where some μ is far from 0, in deviations: rounded, a x and b are then as large as
        μ / σ, their sum is not, and neither are the sums of the gradient.
        """
        if call.mode.training:
            call.ways.add("statistics of the batch")
            op.require_values(len(x), call.node)
            mean, variance = call.borrow("mean", (x.shape[1],)), call.borrow("variance", (x.shape[1],))
            self.statistics(x, mean, variance, call)
            moved, inverse = mean, _inverse(op, variance, call)
            ratios, distance = mean * inverse, call.pool.tuning.norm_distance
            # The sum of squares takes a third of the time, and is enough in nearly all cases.
            if ratios.dot(ratios) > distance * distance and np.abs(ratios).max() > distance:
                call.ways.add("far from zero: centred first")
                x = np.subtract(x, mean, out=call.borrow("centred", x.shape))
                rest = call.borrow("rest", mean.shape)
                self.statistics(x, rest, variance, call)
                moved, mean, inverse = mean + rest, rest, _inverse(op, variance, call)
            _move(op, moved, variance, len(x), p, call)
        else:
            call.ways.add("running statistics")
            mean, inverse = p["running_mean"], _inverse(op, p["running_var"], call)
        a = p["weight"] * inverse
        return x, a, p["bias"] - a * mean, mean, inverse

    def statistics(self, x: Array, mean: Array, variance: Array, call: Workspace) -> None:
        """Mean and biased variance of every column, in two passes: one would lose digits when μ is large beside σ."""
        n = len(x)
        ones, blocks = call.pool.ones(n), Blocks(x, call)
        np.dot(ones, x, out=mean)
        mean /= n
        variance[:] = 0
        room, means = blocks.room(), blocks.down("a", mean)
        for rows, count in blocks:
            centred = np.subtract(x[rows], means[:count], out=room[:count])
            centred *= centred
            variance += np.dot(ones[:count], centred)
        variance /= n

    def input_gradient(self, x: Array, dy: Array, dx: Array, coefficients: tuple[Array, ...], call: Workspace) -> None:
        """dx = a (dy + c x + d) in training, dx = a dy in evaluation. dx may be dy itself."""
        blocks = Blocks(x, call)
        room = blocks.room()
        columns = [blocks.down(name, vector) for name, vector in zip("acd", coefficients, strict=False)]
        for rows, count in blocks:
            if len(columns) == 1:
                np.multiply(dy[rows], columns[0][:count], out=dx[rows])
                continue
            a, c, d = columns
            block = np.multiply(x[rows], c[:count], out=room[:count])
            block += d[:count]
            block += dy[rows]
            np.multiply(block, a[:count], out=dx[rows])


def _inverse(op: BatchNorm, variance: Array, call: Workspace) -> Array:
    """1/s."""
    inverse = np.add(variance, op.eps, out=call.borrow("inverse", variance.shape))
    np.sqrt(inverse, out=inverse)
    return np.divide(1, inverse, out=inverse)


def _move(op: BatchNorm, mean: Array, variance: Array, n: int, p: Arrays, call: Workspace) -> None:
    """running ← (1 - momentum) running + momentum batch, σ² unbiased, left in `call.state`."""
    momentum = op.momentum
    if momentum is None:
        call.ways.add("plain mean of all batches")
        batches = call.borrow("num_batches_tracked", ())
        call.state["num_batches_tracked"] = np.add(p["num_batches_tracked"], 1, out=batches)
        momentum = 1 / float(batches)
    for name, batch, correction in (("running_mean", mean, 1.0), ("running_var", variance, n / (n - 1))):
        moved = np.multiply(p[name], 1 - momentum, out=call.borrow(name, batch.shape))
        moved += momentum * correction * batch
        call.state[name] = moved


class Reduction:
    """Σ dy x and Σ dy of every column, added up block by block into dγ and dβ."""

    def __init__(self, x: Array, d_gamma: Array, d_beta: Array, blocks: Blocks, pool: Pool) -> None:
        self._x = x
        self._d_gamma, self._d_beta = d_gamma, d_beta
        self._ones, self._room = pool.ones(len(x)), blocks.room()
        d_gamma[:] = 0
        d_beta[:] = 0

    def add(self, rows: slice, dy: Array) -> None:
        """The sums over one block of dy."""
        product = np.multiply(dy, self._x[rows], out=self._room[: len(dy)])
        self._d_gamma += np.dot(self._ones[: len(dy)], product)
        self._d_beta += np.dot(self._ones[: len(dy)], dy)


def complete(d_gamma: Array, d_beta: Array, n: int, mean: Array, inverse: Array) -> tuple[Array, Array]:
    """Make dγ of Σ dy x, and give c and d of dx = a (dy + c x + d)."""
    d_gamma -= mean * d_beta
    d_gamma *= inverse
    c = d_gamma * inverse / -n
    return c, d_beta / -n - c * mean


@computes(KERNELS, BatchNorm)
class BatchNormKernel(ColumnKernel[BatchNorm]):
    """y = a x + b and its gradient."""

    def forward(self, op: BatchNorm, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        x = inputs[0].reshape(-1, inputs[0].shape[-1])
        x, a, b, mean, inverse = self.scale_and_shift(op, x, p, call)
        y = call.borrow_output(inputs[0].shape)
        self.apply(x, a, b, y.reshape(x.shape), call)
        return y, (x, a, mean, inverse, call.mode.training)

    def backward(self, op: BatchNorm, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        x, a, mean, inverse, training = saved
        matrix, d_gamma, d_beta = dy.reshape(x.shape), g["weight"], g["bias"]
        self.reduce(x, matrix, d_gamma, d_beta, call)
        c, d = complete(d_gamma, d_beta, len(x), mean, inverse)
        if not call.wants[0]:
            return (None,)
        dx = call.borrow_gradient(dy.shape)
        self.input_gradient(x, matrix, dx.reshape(x.shape), (a, c, d) if training else (a,), call)
        return (dx,)

    def apply(self, x: Array, a: Array, b: Array, y: Array, call: Workspace) -> None:
        """y = a x + b."""
        blocks = Blocks(x, call)
        scale, shift = blocks.down("a", a), blocks.down("b", b)
        for rows, count in blocks:
            block = np.multiply(x[rows], scale[:count], out=y[rows])
            block += shift[:count]

    def reduce(self, x: Array, dy: Array, d_gamma: Array, d_beta: Array, call: Workspace) -> None:
        """dβ = Σ dy, and Σ dy x, which becomes dγ."""
        blocks = Blocks(x, call)
        sums = Reduction(x, d_gamma, d_beta, blocks, call.pool)
        for rows, _ in blocks:
            sums.add(rows, dy[rows])


class _WithinSample(NumpyKernel[WithinSample]):
    """μ and s over the axes `over` of x seen as `fold(x)`, where γ and β broadcast as `spread`."""

    def fold(self, op: WithinSample, x: Array) -> Array:
        """x under a shape in which the values that share μ fill whole axes."""
        raise NotImplementedError

    def over(self, op: WithinSample, x: Array, turned: bool) -> tuple[int, ...]:
        """These axes of `fold(x)`."""
        raise NotImplementedError

    def spread(self, op: WithinSample, parameter: Array, x: Array, turned: bool) -> Array:
        """γ, β or their gradient as a view that broadcasts over `fold(x)`."""
        raise NotImplementedError

    def forward(self, op: WithinSample, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        turned = call.output_turned
        call.ways.add("channels last" if turned else "canonical")
        x, over = self.fold(op, inputs[0]), self.over(op, inputs[0], turned)
        y = call.borrow_output(inputs[0].shape)
        out = y.reshape(x.shape)
        mean = np.mean(x, axis=over, keepdims=True)
        np.subtract(x, mean, out=out)
        squares = np.multiply(out, out, out=call.pool.scratch("squares", x.shape))
        inverse = 1 / np.sqrt(np.mean(squares, axis=over, keepdims=True) + op.eps)
        out *= inverse
        if "weight" in p:
            out *= self.spread(op, p["weight"], inputs[0], turned)
        if "bias" in p:
            out += self.spread(op, p["bias"], inputs[0], turned)
        return y, (inputs[0], mean, inverse)

    def backward(self, op: WithinSample, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        given, mean, inverse = saved
        turned = call.output_turned
        x, folded, over = self.fold(op, given), self.fold(op, dy), self.over(op, given, turned)
        normalised = np.subtract(x, mean, out=call.pool.scratch("normalised", x.shape))
        normalised *= inverse
        product = call.pool.scratch("product", x.shape)
        if "bias" in g:
            _sum_into(self.spread(op, g["bias"], given, turned), folded)
        if "weight" in g:
            _sum_into(self.spread(op, g["weight"], given, turned), np.multiply(folded, normalised, out=product))
        if not call.wants[0]:
            return (None,)
        dx = call.borrow_gradient(dy.shape)
        d = dx.reshape(x.shape)
        np.multiply(folded, self.spread(op, p["weight"], given, turned) if "weight" in p else 1, out=d)
        np.multiply(d, normalised, out=product)
        normalised *= np.mean(product, axis=over, keepdims=True)
        d -= np.mean(d, axis=over, keepdims=True)
        d -= normalised
        d *= inverse
        return (dx,)


def _sum_into(total: Array, terms: Array) -> None:
    """Fill `total`, which broadcasts over `terms`, with their sum: the gradient of broadcasting."""
    spread = (1,) * (terms.ndim - total.ndim) + total.shape
    total[...] = terms.sum(axis=tuple(i for i, size in enumerate(spread) if size == 1)).reshape(total.shape)


@computes(KERNELS, LayerNorm)
class LayerNormKernel(_WithinSample[LayerNorm]):
    """The last canonical axes: channels-last, axis 1 stands last and those after it one place earlier."""

    layout: ClassVar = "any"

    def fold(self, op: LayerNorm, x: Array) -> Array:
        """As it is."""
        return x

    def over(self, op: LayerNorm, x: Array, turned: bool) -> tuple[int, ...]:
        return tuple(x.ndim + axis_of(axis, x.ndim, turned) for axis in range(x.ndim - len(op.dimensions), x.ndim))

    def spread(self, op: LayerNorm, parameter: Array, x: Array, turned: bool) -> Array:
        """Channels last if they are normalised over too, else one γ and β for all of them."""
        if not turned:
            return parameter
        if len(op.dimensions) == x.ndim:
            return channels_last(parameter)
        return np.moveaxis(parameter, 0, -1) if len(op.dimensions) == x.ndim - 1 else parameter[..., None]


@computes(KERNELS, GroupNorm)
class GroupNormKernel(_WithinSample[GroupNorm]):
    """x as (N, pixels, groups, channels of a group)."""

    def fold(self, op: GroupNorm, x: Array) -> Array:
        """(N, ..., C) as (N, P, G, C/G)."""
        return x.reshape(len(x), -1, op.num_groups, x.shape[-1] // op.num_groups)

    def over(self, op: GroupNorm, x: Array, turned: bool) -> tuple[int, ...]:
        """Pixels, and channels of a group."""
        return 1, 3

    def spread(self, op: GroupNorm, parameter: Array, x: Array, turned: bool) -> Array:
        """(C,) as (G, C/G)."""
        return parameter.reshape(op.num_groups, -1)
