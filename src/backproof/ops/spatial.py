"""Attributes and shapes that the operations on images share: one number or a pair, padding, how many windows fit."""

from typing import Any, Literal

from backproof.errors import ModelError
from backproof.graph.op import Op
from backproof.graph.shape import Shape


class Pair(tuple[int, int]):
    """(height, width). Prints as one number where both are equal."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(self[0]) if self[0] == self[1] else repr(self)


class Sides(tuple[int, int, int, int]):
    """(top, bottom, left, right): what is added around an image. Prints as short as it was given."""

    __slots__ = ()

    def __str__(self) -> str:
        top, bottom, left, right = self
        return str(Pair((top, left))) if (top, left) == (bottom, right) else repr(self)


class PairAttribute:
    """A dataclass field that takes a whole number or (height, width), and keeps a `Pair`.

    A descriptor, so that whoever reads the attribute finds a pair, for the type checker too. Raises `UserError` for
    anything else, or a number below `least`. Without a default the field must be given.
    """

    def __init__(self, default: int | None = None, *, least: int = 1) -> None:
        self._default = default
        self._least = least

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, op: Any, owner: type | None = None) -> Pair:
        if op is None:  # dataclass asks the class for the default
            if self._default is None:
                raise AttributeError(self._name)
            return Pair((self._default, self._default))
        pair: Pair = vars(op)[self._name]
        return pair

    def __set__(self, op: Any, value: int | tuple[int, int]) -> None:
        found = value if isinstance(value, tuple) else (value, value)
        if len(found) != 2 or not all(isinstance(n, int) and n >= self._least for n in found):
            raise ModelError(
                f"{type(op).__name__}'s {self._name} is a whole number >= {self._least} or a pair of them "
                f"(height, width), not {value}"
            )
        vars(op)[self._name] = Pair(found)


class StrideAttribute(PairAttribute):
    """The stride of pooling, which may be None: the `kernel_size` of the same operation, a field before it."""

    def __get__(self, op: Any, owner: type | None = None) -> Pair:
        return super().__get__(op, owner) if op is not None else None  # type: ignore[return-value]

    def __set__(self, op: Any, value: int | tuple[int, int] | None) -> None:
        super().__set__(op, op.kernel_size if value is None else value)


class PaddingAttribute:
    """A dataclass field that takes one number, (height, width), (top, bottom, left, right) or "same".

    It keeps `Sides`. What "same" comes to depends on the kernel, so the operation replaces it by `same_padding` once
    all its attributes are known.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, op: Any, owner: type | None = None) -> Sides:
        sides: Sides = Sides((0, 0, 0, 0)) if op is None else vars(op)[self._name]
        return sides

    def __set__(self, op: Any, value: int | tuple[int, ...] | Literal["same"]) -> None:
        if value == "same":
            vars(op)[self._name] = value
            return
        found = value if isinstance(value, tuple) else (value,)
        if len(found) not in (1, 2, 4) or not all(isinstance(n, int) and n >= 0 for n in found):
            raise ModelError(
                f"{type(op).__name__}'s {self._name} is a whole number >= 0, (height, width), "
                f"(top, bottom, left, right) or 'same', not {value!r}"
            )
        if len(found) == 4:
            vars(op)[self._name] = Sides(found)
        else:
            vars(op)[self._name] = Sides((found[0], found[0], found[-1], found[-1]))


class AroundAttribute(PairAttribute):
    """A dataclass field that takes what `PairAttribute` does, or (top, bottom, left, right), and keeps either."""

    def __get__(self, op: Any, owner: type | None = None) -> Pair | Sides:  # type: ignore[override]
        return super().__get__(op, owner)

    def __set__(self, op: Any, value: int | tuple[int, ...]) -> None:
        if not (isinstance(value, tuple) and len(value) == 4):
            super().__set__(op, value)  # type: ignore[arg-type]  # which refuses other tuples
        elif all(isinstance(n, int) and n >= 0 for n in value):
            vars(op)[self._name] = Sides(value)
        else:
            raise ModelError(f"{type(op).__name__}'s {self._name} is made of whole numbers >= 0, not {value}")


def sides(padding: tuple[int, ...]) -> Sides:
    """(top, bottom, left, right) of a padding that may be given as (height, width)."""
    return Sides(padding) if len(padding) == 4 else Sides((padding[0], padding[0], padding[1], padding[1]))


def same_padding(kernel_size: Pair, dilation: Pair) -> Sides:
    """Padding that keeps height and width at stride 1: D(K-1) in all, the odd one at the bottom and right (PyTorch)."""
    height, width = (d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True))
    return Sides((height // 2, height - height // 2, width // 2, width - width // 2))


def image_shape(op: Op, x: Shape) -> tuple[int, int, int]:
    """(C, H, W) of the images. Raises `UserError` where `x` is not (N, C, H, W); N may be any number, too."""
    if len(x) != 4 or Shape(*x[1:]).has_batch:
        raise ModelError(f"{type(op).__name__} takes images of shape (N, channels, height, width), not {x}")
    return x.fixed(1), x.fixed(2), x.fixed(3)


def window_count(
    size: int, kernel: int, stride: int, padding: int, dilation: int = 1, *, before: int = 0, ceil_mode: bool = False
) -> int:
    """How many windows fit along an axis of `size`; 0 or less where not even one does.

        floor((size + padding - D(K-1) - 1) / S) + 1

    `padding` is that of both ends together, `before` that of the first. With `ceil_mode` the division rounds up: a last
    window may hang over the end, if it starts inside the input or the padding before it (PyTorch's rule).
    """
    room = size + padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count


def require_output(op: Op, x: Shape, height: int, width: int) -> None:
    """Raise `UserError` where the output of `op` on images `x` would have no pixel."""
    if height < 1 or width < 1:
        raise ModelError(f"{op} does not fit images of {x[2]}x{x[3]}: the output would be {height}x{width}")
