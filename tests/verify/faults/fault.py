"""A planted fault: an engine that is right but for one thing, and where a check must find it.

Every fault is a kernel, an update, a sweep or a trainer as a user would get it wrong, put into the tables of an engine
that is right otherwise. Nothing outside of that engine is touched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from backproof.engines import Engine
from backproof.engines.kernel import Kernel
from backproof.engines.numpy import NumpyEngine
from backproof.engines.numpy.kernels import NumpyKernel
from backproof.engines.reference import ReferenceEngine
from backproof.graph import Op
from backproof.optim import Optimizer

NAME = "faulty"
"""What every engine with a planted fault is called."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: what it is called.
        description: one sentence: what the author of it did.
        subject: the operation or the optimizer that is computed wrongly.
        at: the quantities that come out wrong, given right inputs and a right gradient of the output; no others do.
        engine: who computes so.
    """

    name: str
    description: str
    subject: type[Op] | type[Optimizer]
    at: frozenset[str]
    engine: Engine

    def __str__(self) -> str:
        return f"{self.subject.__name__}-{self.name}"


FAULTS: list[Fault] = []
"""All faults; the files beside this one fill it."""

AnyClass = TypeVar("AnyClass", bound=type)
AnyUpdate = TypeVar("AnyUpdate", bound=Callable[..., Any])


def engine_with(
    base: type[NumpyEngine | ReferenceEngine] = ReferenceEngine,
    kernels: Mapping[type[Op], Kernel[Any, Any]] | None = None,
    updates: Mapping[type[Optimizer], Callable[..., Any]] | None = None,
    trainer: type | None = None,
    **attributes: Any,
) -> Engine:
    """An engine that inherits `base`, or its `trainer` an own one, with other entries in its tables."""
    right = trainer or base.trainer
    tables = {"kernels": {**right.kernels, **(kernels or {})}, "updates": {**right.updates, **(updates or {})}}
    faulty = type("FaultyTrainer", (right,), {"engine": NAME, **tables, **attributes})
    return type("FaultyEngine", (base,), {"name": NAME, "trainer": faulty})()


def wrong_kernel(*ops: type[Op], at: str) -> Callable[[AnyClass], AnyClass]:
    """Class decorator: plant a kernel, in the NumPy engine if it is one of its kernels, else in the reference engine.

    `at`: the quantities that come out wrong, with commas between them.
    """

    def plant(kernel: AnyClass) -> AnyClass:
        base = NumpyEngine if issubclass(kernel, NumpyKernel) else ReferenceEngine
        for op in ops:
            _add(kernel, op, at, engine_with(base, kernels={op: kernel()}))
        return kernel

    return plant


def wrong_update(*optimizers: type[Optimizer], at: str) -> Callable[[AnyUpdate], AnyUpdate]:
    """Decorator: plant the update of one scalar weight in the reference engine."""

    def plant(update: AnyUpdate) -> AnyUpdate:
        for optimizer in optimizers:
            _add(update, optimizer, at, engine_with(updates={optimizer: update}))
        return update

    return plant


def wrong_trainer(*subjects: type[Op] | type[Optimizer], at: str) -> Callable[[AnyClass], AnyClass]:
    """Class decorator: plant a trainer of the reference engine."""

    def plant(trainer: AnyClass) -> AnyClass:
        for subject in subjects:
            _add(trainer, subject, at, engine_with(trainer=trainer))
        return trainer

    return plant


def _add(fault: Any, subject: type[Op] | type[Optimizer], at: str, engine: Engine) -> None:
    assert fault.__doc__, f"{fault.__name__} says what is wrong"
    FAULTS.append(Fault(fault.__name__, fault.__doc__, subject, frozenset(at.split(", ")), engine))
