"""A user's own kernels and updates: how they are declared, and guards that say in a sentence what one does wrong."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from inspect import getsourcefile
from traceback import extract_tb
from typing import Any, ClassVar, TypeVar

import numpy as np

from backproof.engines.kernel import Call, Kernel, Kernels, Saved
from backproof.engines.reference import ReferenceEngine
from backproof.engines.reference.kernels import KERNELS
from backproof.engines.reference.optimizers import UPDATES, Update
from backproof.engines.reference.trainer import ReferenceTrainer
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Op, Shape
from backproof.optim import Optimizer

AnyKernel = TypeVar("AnyKernel", bound=Kernel[Any, Any])
AnyUpdate = TypeVar("AnyUpdate", bound=Callable[..., Any])
AnyExpression = TypeVar("AnyExpression", bound=Callable[..., Any])

OWN_KERNELS: dict[type[Op], Kernel[Any, Any]] = {}
OWN_UPDATES: dict[type[Optimizer], Update] = {}
EXPRESSIONS: dict[type[Op] | type[Optimizer], Callable[..., Any]] = {}
"""What users declare, by the class of operation or optimizer that it belongs to."""


def kernel(op: type[Op]) -> Callable[[type[AnyKernel]], type[AnyKernel]]:
    """Class decorator: this computes the operation `op`, forward and backward, in NumPy and float64."""

    def register(cls: type[AnyKernel]) -> type[AnyKernel]:
        for method in ("forward", "backward"):
            if not callable(getattr(cls, method, None)):
                raise UserError(f"{cls.__name__} has no method {method}; a kernel has forward and backward")
        OWN_KERNELS[op] = Guard(op, cls())
        return cls

    return register


def update(optimizer: type[Optimizer]) -> Callable[[AnyUpdate], AnyUpdate]:
    """Decorator: this function (o, w, g, lr, t, *slots) -> (w, *slots) is `optimizer`'s formula for one weight."""

    def register(function: AnyUpdate) -> AnyUpdate:
        OWN_UPDATES[optimizer] = guarded(optimizer, function)
        return function

    return register


def pytorch(kind: type[Op] | type[Optimizer]) -> Callable[[AnyExpression], AnyExpression]:
    """Decorator: the same in PyTorch, to be held against.

    Of an operation: (op, inputs, p) -> output, tensors in float64; autograd does the rest. Of an optimizer:
    (o, parameters) -> a `torch.optim.Optimizer` on them.
    """

    def register(function: AnyExpression) -> AnyExpression:
        EXPRESSIONS[kind] = function
        return function

    return register


class Guard(Kernel[Op, Call]):
    """A user's kernel, with a sentence for every mistake that it makes."""

    def __init__(self, op: type[Op], inner: Kernel[Any, Any]) -> None:
        self._op = op.__name__
        self._name = type(inner).__name__
        self._inner = inner
        self._file = getsourcefile(type(inner)) or ""

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        """The inner kernel's, once it is known to be an output of the declared shape and what backward needs."""
        given = _copies(inputs, p)
        made = self._call("forward", lambda: self._inner.forward(op, inputs, p, call))
        self._unchanged("forward", given, _copies(inputs, p))
        if not isinstance(made, tuple) or len(made) != 2 or not isinstance(made[1], tuple):
            raise UserError(
                f"{self._name}.forward returns {_kind(made)}; it returns the output and a tuple of what backward "
                f"needs: return y, (x,)"
            )
        y, saved = made
        expected = op.output_shape(*(Shape("N", *x.shape[1:]) for x in inputs)).bind(len(inputs[0]))
        self._check("forward", "the output", y, expected, "output_shape says")
        return np.asarray(y), (tuple(x.shape for x in inputs), saved)

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> tuple[Array | None, ...]:
        """The inner kernel's, once it is known to be a gradient for each input, with every `g` filled."""
        shapes, saved = saved
        given = _copies((dy, *saved), p)
        mine = dict(g)
        for array in mine.values():
            array[...] = np.nan  # whoever adds to it, or leaves it alone, is found out
        made = self._call("backward", lambda: self._inner.backward(op, dy, saved, p, mine, call))
        self._unchanged("backward", given, _copies((dy, *saved), p))
        if not isinstance(made, tuple):
            raise UserError(f"{self._name}.backward returns {_kind(made)}, not a tuple of gradients: return (dx,)")
        if len(made) != len(call.wants):
            raise UserError(
                f"{self._name}.backward returns {len(made)} gradients where {self._op} takes {len(call.wants)} inputs; "
                f"return one an input, None for what has no gradient"
            )
        for name, array in g.items():
            if mine.get(name) is not array:
                raise UserError(
                    f"{self._name}.backward puts a new array into g['{name}']; fill the one that is there: "
                    f"g['{name}'][...] = ..."
                )
            if np.all(np.isnan(array)) and array.size:
                raise UserError(
                    f"{self._name}.backward leaves g['{name}'] unfilled; set it, and do not add to it: "
                    f"g['{name}'][...] = ..."
                )
        for i, (dx, shape) in enumerate(zip(made, shapes, strict=True)):
            if dx is not None:
                self._check("backward", f"the gradient of input {i}", dx, shape, "the input has")
        return made

    def _call(self, method: str, make: Callable[[], Any]) -> Any:
        """What the user's code makes, or a sentence with the line where it stops."""
        try:
            with np.errstate(all="ignore"):  # what is not finite is found by comparison, and named
                return make()
        except UserError:
            raise
        except Exception as error:
            lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == self._file]
            place = f", line {lines[-1]}" if lines else ""
            raise UserError(f"{self._name}.{method}{place}: {type(error).__name__}: {error}") from error

    def _unchanged(self, method: str, before: list[Any], after: list[Any]) -> None:
        pairs = zip(before, after, strict=True)
        if not all(not isinstance(a, np.ndarray) or np.array_equal(a, b, equal_nan=True) for a, b in pairs):
            raise UserError(
                f"{self._name}.{method} writes into an array that it is given; work on a copy, since others use it too"
            )

    def _check(self, method: str, what: str, array: Any, shape: tuple[int, ...], who: str) -> None:
        if not isinstance(array, np.ndarray | np.generic):
            raise UserError(f"{self._name}.{method}: {what} is {_kind(array)}, not a NumPy array")
        if array.shape != shape:
            raise UserError(f"{self._name}.{method}: {what} has shape {array.shape} where {who} {shape}")
        if array.dtype != np.float64:
            raise UserError(f"{self._name}.{method}: {what} is {array.dtype}, not float64 as what came in")


def guarded(optimizer: type[Optimizer], function: Callable[..., Any]) -> Update:
    """A user's update, with a sentence for every mistake that it makes."""
    name, count = getattr(function, "__name__", "update"), 1 + len(optimizer.slots)

    def checked(o: Optimizer, w: float, g: float, lr: float, t: int, *slots: float) -> tuple[float, ...]:
        try:
            with np.errstate(all="ignore"):  # what is not finite is found afterwards, and named
                made = function(o, w, g, lr, t, *slots)
        except Exception as error:
            lines = [f.lineno for f in extract_tb(error.__traceback__) if f.filename == getsourcefile(function)]
            place = f", line {lines[-1]}" if lines else ""
            raise UserError(f"{name}{place}: {type(error).__name__}: {error}") from error
        if not isinstance(made, tuple) or len(made) != count:
            wanted = ", ".join(("w", *optimizer.slots)) + ("," if count == 1 else "")
            raise UserError(f"{name} returns {_kind(made)}; it returns ({wanted})")
        return made

    return checked


def _copies(arrays: tuple[Any, ...], p: Arrays) -> list[Any]:
    return [a.copy() if isinstance(a, np.ndarray) else a for a in (*arrays, *p.values())]


def _kind(value: Any) -> str:
    """What something is, in words."""
    if isinstance(value, np.ndarray):
        return "an array"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return "nothing" if value is None else f"a {type(value).__name__}"


class OwnTrainer(ReferenceTrainer):
    """The reference engine's trainer, with users' kernels and updates before its own."""

    engine: ClassVar[str] = "yours"
    kernels: ClassVar[Kernels] = ChainMap(OWN_KERNELS, KERNELS)
    updates: ClassVar[Mapping[type[Optimizer], Update]] = ChainMap(OWN_UPDATES, UPDATES)


class OwnEngine(ReferenceEngine):
    """What users declare; all else in a network, such as the loss, is the reference engine's."""

    name: ClassVar[str] = "yours"
    trainer: ClassVar[type[ReferenceTrainer]] = OwnTrainer
