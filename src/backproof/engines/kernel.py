"""Kernels: the mathematics of one operation, forward and backward side by side, in a hand-written engine."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, ClassVar, Generic, TypeVar

from backproof.engines.base import EVALUATION, Mode
from backproof.errors import ModelError
from backproof.graph import Array, Arrays, Graph, Op
from backproof.graph.op import UnknownOp
from backproof.optim import Optimizer
from backproof.registry import is_built_in

AnyOp = TypeVar("AnyOp", bound=Op)

Saved = tuple[Any, ...]
"""What forward keeps for backward."""

Slopes = tuple[Array | None, ...]
"""The gradients of a kernel's inputs; None for one that is not wanted or does not exist."""


class Call:
    """What a kernel gets besides its arrays.

    Attributes:
        node: the node's name.
        mode: how the pass is taken.
        wants: for each input, whether its gradient is needed.
        samples: N of this pass, which an operation may need whose inputs are without a batch.
        state: where forward leaves new values of non-trainable parameters; the trainer decides to keep them.
        ways: where a kernel notes which of its ways it took, in a few words, where it decides: `ways.add("im2col")`.
    """

    def __init__(self, node: str, wants: tuple[bool, ...], ways: set[str] | None = None, *, samples: int = 1) -> None:
        self.node = node
        self.wants = wants
        self.samples = samples
        self.ways: set[str] = set() if ways is None else ways
        self.mode: Mode = EVALUATION
        self.state: dict[str, Array] = {}


AnyCall = TypeVar("AnyCall", bound=Call)


class Kernel(Generic[AnyOp, AnyCall]):
    """Pure: no state of its own, no input written to. A check may run it twice.

    Attributes:
        layout: the order of the axes of what it computes with; "canonical" is N,C,H,W. The NumPy engine knows others.
    """

    layout: ClassVar[str] = "canonical"

    def axes(self, op: AnyOp, parameter: str, shape: tuple[int, ...], tuning: Any) -> tuple[int, ...]:  # noqa: ARG002
        """The order in which an engine keeps the axes of a parameter whose canonical shape is `shape`.

        `tuning`: the engine's sizes and thresholds, which it may depend on.
        """
        return tuple(range(len(shape)))

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: AnyCall) -> tuple[Array, Saved]:
        """The output, and what backward needs. `p`: the node's parameters by local name."""
        raise NotImplementedError

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: AnyCall) -> Slopes:
        """From the gradient of the output, fill `g` (parameters' gradients) and return the inputs' gradients.

        None stands for an input whose gradient is not wanted or does not exist, as that of whole numbers. Of a node
        without weights something is wanted, or it is not asked.
        """
        raise NotImplementedError


AnyUpdate = TypeVar("AnyUpdate")

Kernels = MutableMapping[type[Op], Kernel[Any, Any]]

AnyKernel = TypeVar("AnyKernel", bound=Kernel[Any, Any])


def computes(kernels: Kernels, op: type[Op]) -> Callable[[type[AnyKernel]], type[AnyKernel]]:
    """Class decorator: enter a kernel into an engine's table."""

    def register(cls: type[AnyKernel]) -> type[AnyKernel]:
        kernels[op] = cls()
        return cls

    return register


AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


class Functions:
    """How an engine with autograd enters its kernels into `table`: functions (op, inputs, p, call) -> output."""

    def __init__(self, table: MutableMapping[type[Op], Any]) -> None:
        self._table = table

    def computes(self, *ops: type[Op]) -> Callable[[AnyFunction], AnyFunction]:
        """Decorator: enter a kernel."""

        def register(function: AnyFunction) -> AnyFunction:
            self._table.update(dict.fromkeys(ops, function))
            return function

        return register

    def one_line(self, kernels: Mapping[type[Op], Callable[..., Any]]) -> None:
        """Enter kernels that take nothing but the operation and its inputs: `ReLU: lambda op, x: ...`."""
        for op, function in kernels.items():
            self._table[op] = _of_inputs(function)


def _of_inputs(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda op, inputs, p, call: function(op, *inputs)  # noqa: ARG005


def import_kernels(package: str, path: Iterable[str]) -> None:
    """Import every file of an engine's folder `kernels/`: what it computes is entered into the table by that."""
    for module in iter_modules(path):
        import_module(f"{package}.{module.name}")


def require_kernels(engine: str, kernels: Mapping[type[Op], object], graph: Graph) -> None:
    """Raise `UserError` naming every operation of `graph` that the engine lacks, all at once."""
    missing = [f"'{node.name}' ({type(node.op).__name__})" for node in graph.nodes if type(node.op) not in kernels]
    if missing:
        kinds = [type(node.op) for node in graph.nodes if type(node.op) not in kernels]
        raise ModelError(f"engine '{engine}' has no kernel for {', '.join(missing)}{_for_custom(engine, kinds)}")


def _for_custom(engine: str, kinds: list[type[Op]]) -> str:
    """What helps where operations of a user are among those that an engine lacks."""
    if unknown := [kind.__name__ for kind in kinds if issubclass(kind, UnknownOp)]:
        return f"; execute the file of {unknown[0]} first, see docs/how-to/write-your-own-parts.md"
    custom = [kind.__name__ for kind in kinds if not is_built_in(kind.__module__)]
    engine = "numpy" if engine in ("numba", "reference") else engine
    return f'; write one with @bp.custom.kernel({custom[0]}, engine="{engine}")' if custom else ""


def require_update(engine: str, updates: Mapping[type[Optimizer], AnyUpdate], optimizer: Optimizer) -> AnyUpdate:
    """The engine's update of `optimizer`. Raises `UserError` if it has none."""
    update = updates.get(type(optimizer))
    if update is None:
        raise ModelError(f"engine '{engine}' has no update for the optimizer {type(optimizer).__name__}")
    return update
