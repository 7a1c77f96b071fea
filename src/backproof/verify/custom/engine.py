"""The engine that checks run users' kernels and updates in: the NumPy engine, and guards that look at every array."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from backproof.engines import custom
from backproof.engines.custom import Adapted, CustomKernel
from backproof.engines.kernel import Call, Kernels, Saved
from backproof.engines.numpy import NumpyEngine, kernels, optimizers
from backproof.engines.numpy.kernels.kernel import UserKernel
from backproof.engines.numpy.trainer import NumpyTrainer
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Op
from backproof.optim import Optimizer


class Guard(CustomKernel):
    """A user's kernel, with a sentence for every array that it writes to, leaves unfilled or makes of another dtype."""

    def forward(self, op: Op, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        given = _copies(inputs, p)
        made = super().forward(op, inputs, p, call)
        _require_unchanged(f"{self.name}.forward", given, _copies(inputs, p))
        return made

    def backward(self, op: Op, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> tuple[Array | None, ...]:
        given = _copies((dy, *saved[1]), p)
        for array in g.values():
            array[...] = np.nan  # whoever adds to it, or leaves it alone, is found out
        made = super().backward(op, dy, saved, p, g, call)
        _require_unchanged(f"{self.name}.backward", given, _copies((dy, *saved[1]), p))
        for name, array in g.items():
            if np.all(np.isnan(array)) and array.size:
                raise UserError(
                    f"{self.name}.backward leaves g['{name}'] unfilled; set it, and do not add to it: "
                    f"g['{name}'][...] = ..."
                )
        return made

    def check(self, method: str, what: str, array: Any, shape: tuple[int, ...], who: str) -> None:
        super().check(method, what, array, shape, who)
        if array.dtype != np.float64:
            raise UserError(f"{self.name}.{method}: {what} is {array.dtype}, not float64 as what came in")


def guarded(kind: type[Optimizer], written: Callable[..., tuple[Any, ...]]) -> optimizers.Update:
    """A user's update, which is to write to no array that it is given, and to keep their shape."""

    def checked(o: Optimizer, w: Array, g: Array, lr: float, t: int, *state: Array) -> tuple[Any, ...]:
        given = _copies((w, g, *state), {})
        made = written(o, w, g, lr, t, *state)
        _require_unchanged(f"the update of {kind.__name__}", given, _copies((w, g, *state), {}))
        for name, new in zip(("w", *kind.slots), made, strict=True):
            if np.shape(new) != w.shape:
                raise UserError(
                    f"the update of {kind.__name__} returns {name} of shape {np.shape(new)} for weights of {w.shape}; "
                    f"it works element by element"
                )
        return made

    return optimizers.blockwise(kind, checked)


def _copies(arrays: tuple[Any, ...], p: Arrays) -> list[Any]:
    return [a.copy() if isinstance(a, np.ndarray) else a for a in (*arrays, *p.values())]


def _require_unchanged(name: str, before: list[Any], after: list[Any]) -> None:
    pairs = zip(before, after, strict=True)
    if not all(not isinstance(a, np.ndarray) or np.array_equal(a, b, equal_nan=True) for a, b in pairs):
        raise UserError(f"{name} writes into an array that it is given; work on a copy, since others use it too")


class CustomTrainer(NumpyTrainer):
    """The NumPy engine's trainer, with guards around what users wrote."""

    engine = "yours"
    kernels: Kernels = custom.chain(
        Adapted(custom.KERNELS["numpy"], lambda op, written: UserKernel(Guard(op, written.inner))),
        kernels.KERNELS,
    )
    updates = custom.chain(Adapted(custom.UPDATES["numpy"], guarded), optimizers.UPDATES)


@dataclass(frozen=True)
class CustomEngine(NumpyEngine):
    """What users wrote; all else in a network, such as the loss, is the NumPy engine's."""

    name: ClassVar[str] = "yours"
    trainer: ClassVar[type[NumpyTrainer]] = CustomTrainer
