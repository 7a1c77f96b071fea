"""What users compute by hand: their kernels, updates and PyTorch expressions, in one table for training and checks.

Importing this imports no engine. Each engine looks here besides its own tables.
"""

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import getsourcefile, isclass
from traceback import extract_tb
from typing import Any, Literal, TypeVar

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes
from backproof.errors import UserError
from backproof.graph import OPERATIONS, Array, Arrays, Op, Shape, operation
from backproof.optim import OPTIMIZERS, Optimizer
from backproof.optim.optimizer import optimizer as register_optimizer
from backproof.registry import is_built_in
from backproof.user_file import FORGETTERS, in_one_line

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])
Key = TypeVar("Key")
Value = TypeVar("Value")

CustomEngine = Literal["numpy", "torch", "jax"]
"""Engines that take what users write. numba takes what is written for numpy; reference too, in float64."""

ENGINES: tuple[CustomEngine, ...] = ("numpy", "torch", "jax")

KERNELS: dict[CustomEngine, dict[type[Op], Any]] = {engine: {} for engine in ENGINES}
UPDATES: dict[CustomEngine, dict[type[Optimizer], Any]] = {engine: {} for engine in ENGINES}
EXPRESSIONS: dict[type[Op], Callable[..., Any]] = {}
"""Operations once more in PyTorch, to be held against; the torch engine computes with them."""

FORMULAS: dict[type[Optimizer], Callable[..., Any]] = {}
"""Optimizers once more, in plain NumPy, to be held against."""

TORCH_OPTIMIZERS: dict[type[Optimizer], Callable[..., Any]] = {}
"""Optimizers once more, made of PyTorch's, to be held against."""


def kernel(op: type[Op], *, engine: CustomEngine = "numpy") -> Callable[[AnyFunction], AnyFunction]:
    """Decorator: this computes the operation `op`.

    For numpy a class with `forward` and `backward`, on arrays in canonical layout (images N,C,H,W), in the dtype of the
    run: see `backproof.engines.kernel.Kernel`. For torch or jax a function (op, inputs, p, call) -> output, on their
    own arrays; autograd does the rest. A NumPy kernel for one of backproof's own operations takes the place of its
    kernel in runs that use the file.
    """
    _require_engine(engine)
    _require_kind(op, Op, "an operation, a class that derives from backproof.graph.Op", "kernel")

    if engine != "numpy" and is_built_in(op.__module__):
        raise UserError(f"engine '{engine}' has a kernel for {op.__name__}; only those of numpy can be replaced")

    def register(written: AnyFunction) -> AnyFunction:
        if OPERATIONS.get(op.__name__) is not op:
            operation(op)
        KERNELS[engine][op] = CustomKernel(op, written) if engine == "numpy" else written
        return written

    return register


def update(optimizer: type[Optimizer], *, engine: CustomEngine = "numpy") -> Callable[[AnyFunction], AnyFunction]:
    """Decorator: this function (o, w, g, lr, t, *slots) -> (w, *slots) is `optimizer`'s formula, element by element.

    w, g and the slots are arrays of one shape: NumPy's, or those of `engine`; t counts steps from 1. It returns new
    arrays and writes into none. Weight decay has been dealt with.
    """
    _require_engine(engine)
    _require_kind(optimizer, Optimizer, "an optimizer, a class that derives from backproof.optim.Optimizer", "update")

    def register(function: AnyFunction) -> AnyFunction:
        if OPTIMIZERS.get(optimizer.__name__.lower()) is not optimizer:
            register_optimizer(optimizer)
        UPDATES[engine][optimizer] = checked_update(optimizer, function)
        return function

    return register


def pytorch(kind: type[Op] | type[Optimizer]) -> Callable[[AnyFunction], AnyFunction]:
    """Decorator: the same in PyTorch, to be held against.

    Of an operation: (op, inputs, p) -> output, tensors; autograd does the rest, and the torch engine computes with it.
    Of an optimizer: (o, parameters) -> a `torch.optim.Optimizer` on them.
    """

    def register(function: AnyFunction) -> AnyFunction:
        if issubclass(kind, Op):
            EXPRESSIONS[kind] = function
        else:
            TORCH_OPTIMIZERS[kind] = function
        return function

    return register


def formula(optimizer: type[Optimizer]) -> Callable[[AnyFunction], AnyFunction]:
    """Decorator: `optimizer`'s formula once more, in plain NumPy, as it stands in the paper: to be held against.

    (o, w, g, lr, t, *slots) -> (w, *slots), as that of `update`; nothing computes with it.
    """
    _require_kind(optimizer, Optimizer, "an optimizer, a class that derives from backproof.optim.Optimizer", "formula")

    def register(function: AnyFunction) -> AnyFunction:
        FORMULAS[optimizer] = checked_update(optimizer, function)
        return function

    return register


def _forget(module: str) -> None:
    tables: list[dict[Any, Any]] = [*KERNELS.values(), *UPDATES.values(), EXPRESSIONS, FORMULAS, TORCH_OPTIMIZERS]
    for table in tables:
        for kind in [
            kind for kind, written in table.items() if getattr(written, "inner", written).__module__ == module
        ]:
            del table[kind]


FORGETTERS.append(_forget)


def _require_engine(engine: str) -> None:
    if engine not in ENGINES:
        raise UserError(f"engine='{engine}' takes nothing written by hand; take one of {', '.join(ENGINES)}")


def _require_kind(cls: object, base: type, wanted: str, decorator: str) -> None:
    if not (isclass(cls) and issubclass(cls, base)):
        raise UserError(f"{decorator}({getattr(cls, '__name__', cls)}) belongs to {wanted}")


class Adapted(Mapping[Key, Value]):
    """What users wrote, as an engine wants it: `adapt(class, written)` makes it so, anew at each look."""

    def __init__(self, written: Mapping[Key, Any], adapt: Callable[[Key, Any], Value]) -> None:
        self._written = written
        self._adapt = adapt

    def __getitem__(self, key: Key) -> Value:
        return self._adapt(key, self._written[key])

    def __iter__(self) -> Iterator[Key]:
        return iter(self._written)

    def __len__(self) -> int:
        return len(self._written)


def chain(*tables: Mapping[Key, Value]) -> ChainMap[Key, Value]:
    """Kernels or updates by class, from the first table that has them. What is entered goes into the first."""
    return ChainMap(*tables)  # type: ignore[arg-type]  # only the first is written to


class CustomKernel(Kernel[Op, Call]):
    """A user's NumPy kernel, with a sentence for what makes a step impossible. Checks look closer: see `verify`."""

    def __init__(self, op: type[Op], written: Any) -> None:
        self.name = getattr(written, "__name__", type(written).__name__)
        for method in ("forward", "backward"):
            if not callable(getattr(written, method, None)):
                raise UserError(f"{self.name} has no method {method}; a kernel has forward and backward")
        self.op = op
        self.written = written
        self.inner: Any = written() if isclass(written) else written
        self._file = source_file(type(self.inner))
        self._shapes: dict[tuple[Any, ...], tuple[int, ...]] = {}

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        made = self.call("forward", lambda: self.inner.forward(op, inputs, p, call))
        if not isinstance(made, tuple) or len(made) != 2 or not isinstance(made[1], tuple):
            raise UserError(
                f"{self.name}.forward returns {kind_of(made)}; it returns the output and a tuple of what backward "
                f"needs: return y, (x,)"
            )
        y, saved = made
        self.check("forward", "the output", y, self._output_shape(op, inputs), "output_shape says")
        return np.asarray(y), (tuple(x.shape for x in inputs), saved)

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        shapes, saved = saved
        mine = dict(g)
        made = self.call("backward", lambda: self.inner.backward(op, dy, saved, p, mine, call))
        if not isinstance(made, tuple):
            raise UserError(f"{self.name}.backward returns {kind_of(made)}, not a tuple of gradients: return (dx,)")
        if len(made) != len(call.wants):
            raise UserError(
                f"{self.name}.backward returns {len(made)} gradients where {self.op.__name__} takes {len(call.wants)} "
                f"inputs; return one an input, None for what has no gradient"
            )
        for name, array in g.items():
            if mine.get(name) is not array:
                raise UserError(
                    f"{self.name}.backward puts a new array into g['{name}']; fill the one that is there: "
                    f"g['{name}'][...] = ..."
                )
        for i, (dx, shape) in enumerate(zip(made, shapes, strict=True)):
            if dx is not None:
                self.check("backward", f"the gradient of input {i}", dx, shape, "the input has")
        return made

    def _output_shape(self, op: Op, inputs: tuple[Array, ...]) -> tuple[int, ...]:
        key = (op, *(x.shape for x in inputs))
        if key not in self._shapes:
            shape = op.output_shape(*(Shape("N", *x.shape[1:]) for x in inputs))
            self._shapes[key] = shape.bind(len(inputs[0]))
        return self._shapes[key]

    def call(self, method: str, make: Callable[[], Any]) -> Any:
        """What the user's code makes, or a sentence with the line where it stops."""
        return _called(f"{self.name}.{method}", self._file, make)

    def check(self, method: str, what: str, array: Any, shape: tuple[int, ...], who: str) -> None:
        """Raise `UserError` unless `array` is one of that shape."""
        if not isinstance(array, np.ndarray | np.generic):
            raise UserError(f"{self.name}.{method}: {what} is {kind_of(array)}, not a NumPy array")
        if array.dtype.kind not in "fiub":
            raise UserError(f"{self.name}.{method}: {what} has dtype {array.dtype}; it must be of real numbers")
        if array.shape != shape:
            raise UserError(f"{self.name}.{method}: {what} has shape {array.shape} where {who} {shape}")


def checked_update(optimizer: type[Optimizer], function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """A user's update, with a sentence for every mistake that it makes."""
    name, slots = getattr(function, "__name__", "update"), optimizer.slots
    file = source_file(function)

    @wraps(function)
    def checked(o: Optimizer, w: Any, g: Any, lr: float, t: int, *state: Any) -> tuple[Any, ...]:
        made = _called(name, file, lambda: function(o, w, g, lr, t, *state))
        if not isinstance(made, tuple) or len(made) != 1 + len(slots):
            wanted = ", ".join(("w", *slots)) + ("" if slots else ",")
            raise UserError(f"{name} returns {kind_of(made)}; it returns ({wanted})")
        for of, new in zip(("w", *slots), made, strict=True):
            if getattr(new, "shape", None) != w.shape:
                what = f"shape {new.shape}" if hasattr(new, "shape") else kind_of(new)
                raise UserError(f"{name} returns {what} for {of}; it returns arrays of one shape, that of w")
            if getattr(new.dtype, "kind", "f") in "cUSO":
                raise UserError(f"{name} returns {new.dtype} for {of}; it must be of real numbers")
        return made

    return checked


def _called(name: str, file: str, make: Callable[[], Any]) -> Any:
    try:
        with np.errstate(all="ignore"):  # what is not finite is found by checks, and named
            return make()
    except UserError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
        place = f", line {lines[-1]}" if lines else ""
        raise UserError(f"{name}{place}: {in_one_line(error)}") from error


def source_file(written: Any) -> str:
    """The file in which a class or function stands; "" where there is none."""
    try:
        return getsourcefile(written) or ""
    except TypeError:  # a class of a notebook or a prompt
        return ""


def kind_of(value: Any) -> str:
    """What something is, in words."""
    if isinstance(value, np.ndarray):
        return "an array"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return "nothing" if value is None else f"a {type(value).__name__}"
