"""Arithmetic of two values, each gradient summed over where its input was broadcast to.

Add       y = a + b          da = dy                           db = dy
Sub       y = a - b          da = dy                           db = -dy
Mul       y = a b            da = dy b                         db = dy a
Div       y = a / b          da = dy / b                       db = -dy y / b
Pow       y = aᵇ             da = dy b aᵇ⁻¹                    db = dy y log a
Minimum   y = min(a, b)      da = dy ([a < b] + [a = b] / 2)   db = dy ([b < a] + [a = b] / 2)
Maximum   y = max(a, b)      da = dy ([a > b] + [a = b] / 2)   db = dy ([b > a] + [a = b] / 2)
"""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import AnyOp, Saved, Slopes, computes
from backproof.engines.numpy.broadcasting import sum_to
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import channels_first, channels_last
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Add, Div, Maximum, Minimum, Mul, Pow, Sub


class ArithmeticKernel(NumpyKernel[AnyOp]):
    """What all share: broadcasting, forward and back."""

    layout: ClassVar = "any"

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        a, b = _aligned(inputs, call)
        shape = a.shape if a.shape == b.shape else np.broadcast_shapes(a.shape, b.shape)
        y = call.borrow_output(shape, a.dtype if a.dtype.kind == "i" else None)
        self.compute(a, b, y, call)
        return y, (*inputs, y)

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        *inputs, y = saved
        a, b = _aligned(tuple(inputs), call)
        return tuple(
            _summed(self.slope(place, dy, a, b, y, _Room(place, dy, x, call)), place, x, call) if wanted else None
            for place, (x, wanted) in enumerate(zip(inputs, call.wants, strict=True))
        )

    def compute(self, a: Array, b: Array, y: Array, call: Workspace) -> None:
        """Fill y."""
        raise NotImplementedError

    def slope(self, place: int, dy: Array, a: Array, b: Array, y: Array, room: "_Room") -> Array:
        """The gradient of one of both, as large as y: in `room`, or dy itself, to which nobody writes."""
        raise NotImplementedError


class _Room:
    """Memory for a gradient as large as y: that of the input, or scratch where it is summed afterwards."""

    def __init__(self, place: int, dy: Array, x: Array, call: Workspace) -> None:
        self.call = call
        self._whole = x.shape == dy.shape and call.turned[place] == call.output_turned
        self._shape = dy.shape

    def take(self) -> Array:
        """Undefined contents."""
        if self._whole:
            return self.call.borrow_gradient(self._shape)
        return self.call.pool.scratch("product", self._shape)


def _aligned(inputs: tuple[Array, ...], call: Workspace) -> tuple[Array, ...]:
    """Seen so that they broadcast: what has fewer axes, or lies otherwise, as the output is laid out."""
    a, b = inputs
    if a.ndim == b.ndim and call.turned[0] == call.turned[1] == call.output_turned:
        return inputs
    rank = max(a.ndim, b.ndim)
    found = []
    for x, turned in zip(inputs, call.turned, strict=True):
        if turned != call.output_turned or (turned and x.ndim < rank):
            call.ways.add("broadcast to channels last" if call.output_turned else "broadcast to canonical")
            x = channels_first(x) if turned else x
            x = channels_last(x.reshape((1,) * (rank - x.ndim) + x.shape)) if call.output_turned else x
        found.append(x)
    return tuple(found)


def _summed(dx: Array, place: int, x: Array, call: Workspace) -> Array:
    """The gradient of x from one as large as y: summed over all places to which x was broadcast."""
    turned = call.turned[place]
    if x.shape == dx.shape and turned == call.output_turned:
        return dx
    call.ways.add("gradient summed over where it was broadcast to")
    room = call.borrow(f"broadcast {place}", x.shape)
    sum_to(channels_first(dx) if call.output_turned else dx, channels_first(room) if turned else room)
    return room


@computes(KERNELS, Add)
class AddKernel(ArithmeticKernel[Add]):
    """The sum rule: the same buffer to both."""

    def compute(self, a: Array, b: Array, y: Array, call: Workspace) -> None:
        np.add(a, b, out=y)

    def slope(self, place: int, dy: Array, a: Array, b: Array, y: Array, room: _Room) -> Array:
        return dy


@computes(KERNELS, Sub)
class SubKernel(ArithmeticKernel[Sub]):
    """The sum rule."""

    def compute(self, a: Array, b: Array, y: Array, call: Workspace) -> None:
        np.subtract(a, b, out=y)

    def slope(self, place: int, dy: Array, a: Array, b: Array, y: Array, room: _Room) -> Array:
        return np.negative(dy, out=room.take()) if place else dy


@computes(KERNELS, Mul)
class MulKernel(ArithmeticKernel[Mul]):
    """The product rule."""

    def compute(self, a: Array, b: Array, y: Array, call: Workspace) -> None:
        np.multiply(a, b, out=y)

    def slope(self, place: int, dy: Array, a: Array, b: Array, y: Array, room: _Room) -> Array:
        return np.multiply(dy, a if place else b, out=room.take())


@computes(KERNELS, Div)
class DivKernel(ArithmeticKernel[Div]):
    """The quotient rule, from y."""

    def compute(self, a: Array, b: Array, y: Array, call: Workspace) -> None:
        np.divide(a, b, out=y)

    def slope(self, place: int, dy: Array, a: Array, b: Array, y: Array, room: _Room) -> Array:
        dx = np.divide(dy, b, out=room.take())
        if place:
            dx *= y
            np.negative(dx, out=dx)
        return dx


@computes(KERNELS, Pow)
class PowKernel(ArithmeticKernel[Pow]):
    """Where b is one number, as in x², without logarithms where it is a small one."""

    def compute(self, a: Array, b: Array, y: Array, call: Workspace) -> None:
        self._power(a, b, y, call)

    def slope(self, place: int, dy: Array, a: Array, b: Array, y: Array, room: _Room) -> Array:
        dx = room.take()
        if place:
            np.multiply(np.log(a, out=dx), y, out=dx)
            dx[np.broadcast_to((a == 0) & (b >= 0), dx.shape)] = 0
        else:
            self._power(a, b - 1, dx, room.call)
            dx *= b
            if not np.all(b):
                dx[np.broadcast_to(b == 0, dx.shape)] = 0
        dx *= dy
        return dx

    @staticmethod
    def _power(a: Array, b: Array, y: Array, call: Workspace) -> None:
        """aᵇ."""
        exponent = b.item() if b.size == 1 else None
        if exponent in (1, 2, 3) and y.shape == a.shape:
            call.ways.add("a few products")
            y[...] = a
            for _ in range(int(exponent) - 1):
                y *= a
        else:
            call.ways.add("powers")
            np.power(a, b, out=y, dtype=y.dtype)


class SelectingKernel(ArithmeticKernel[AnyOp]):
    """One gets the gradient where it is selected, and each half of it where both are equal."""

    def slope(self, place: int, dy: Array, a: Array, b: Array, y: Array, room: _Room) -> Array:
        mine, other = (b, a) if place else (a, b)
        dx = room.take()
        np.equal(mine, other, out=dx, casting="unsafe")
        dx *= -0.5
        dx -= self.loses(mine, other)
        dx += 1
        dx *= dy
        return dx

    def loses(self, mine: Array, other: Array) -> Array:
        """Where the other one is selected."""
        raise NotImplementedError


@computes(KERNELS, Minimum)
class MinimumKernel(SelectingKernel[Minimum]):
    """The smaller one."""

    def compute(self, a: Array, b: Array, y: Array, call: Workspace) -> None:
        np.minimum(a, b, out=y)

    def loses(self, mine: Array, other: Array) -> Array:
        return mine > other


@computes(KERNELS, Maximum)
class MaximumKernel(SelectingKernel[Maximum]):
    """The larger one."""

    def compute(self, a: Array, b: Array, y: Array, call: Workspace) -> None:
        np.maximum(a, b, out=y)

    def loses(self, mine: Array, other: Array) -> Array:
        return mine < other
