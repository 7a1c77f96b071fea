"""What an optimizer must declare. Engines execute it."""

from dataclasses import dataclass, field, fields
from inspect import isclass
from math import isfinite
from numbers import Real
from typing import ClassVar, Literal, TypeVar

from backproof.errors import UserError, unknown
from backproof.graph.op import ParameterSpec
from backproof.optim.schedules import Constant, Schedule
from backproof.registry import Registry
from backproof.user_file import is_reference

Decay = Literal["coupled", "decoupled"]


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """An optimizer is its numbers and the formula in its docstring.

    In the formulas w is a parameter, g its gradient, t the step counted from 1, and lr the learning rate at that
    step. All operations are element by element. State starts at 0 unless said otherwise.

    Attributes:
        lr: learning rate before the schedule.
        schedule: factor on the learning rate at each step.
        weight_decay: λ.
        decay: "coupled" is L2: the cost gains λ/2 ‖w‖² and the gradient λ w.
            "decoupled" leaves the gradient alone and takes w ← w - lr λ w before the update
            (Loshchilov & Hutter 2019).
        decay_all: decay biases, scales and shifts too, not only weights.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    """State arrays kept for each parameter, each of the parameter's shape."""

    lr: float = 1e-2
    schedule: Schedule = field(default_factory=Constant)
    weight_decay: float = 0.0
    decay: Decay = "coupled"
    decay_all: bool = False

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if f.type in ("float", float) and not (isinstance(value, Real) and isfinite(value)):
                raise UserError(f"{type(self).__name__}'s {f.name} is a finite number, not {value!r}")
        if not self.lr >= 0:
            raise UserError(f"a learning rate is 0 or more, not {self.lr}")
        if not self.weight_decay >= 0:
            raise UserError(f"weight decay is 0 or more, not {self.weight_decay}")
        if self.decay not in ("coupled", "decoupled"):
            raise unknown("kind of weight decay", self.decay, ("coupled", "decoupled"))

    def require_not_negative(self, *names: str) -> None:
        """Raise `UserError` unless the settings of these names are 0 or more."""
        for name in names:
            if getattr(self, name) < 0:
                raise UserError(f"{type(self).__name__}'s {name} is 0 or more, not {getattr(self, name)}")

    def rate(self, step: int) -> float:
        """The learning rate at `step`, counted from 0."""
        return self.lr * self.schedule.factor(step)

    def decays(self, spec: ParameterSpec) -> bool:
        """Whether weight decay applies to a parameter."""
        return self.weight_decay > 0 and spec.trainable and (spec.decay or self.decay_all)

    @property
    def l2(self) -> float:
        """λ of the penalty λ/2 ‖w‖² in the cost: 0 unless the decay is coupled."""
        return self.weight_decay if self.decay == "coupled" else 0.0

    def initial_slot(self, slot: str) -> float:  # noqa: ARG002
        """What a state array is filled with before the first step."""
        return 0.0


AnyOptimizer = TypeVar("AnyOptimizer", bound=Optimizer)

OPTIMIZERS: Registry[type[Optimizer]] = Registry(
    "optimizer", lambda part: isclass(part) and issubclass(part, Optimizer)
)
"""Every optimizer by its name in lower case; the command line and the checks find them here."""


def optimizer(cls: type[AnyOptimizer]) -> type[AnyOptimizer]:
    """Class decorator: put an optimizer into the registry."""
    OPTIMIZERS.add(cls.__name__.lower(), cls)
    return cls


def require_optimizer(name: str) -> type[Optimizer]:
    """The optimizer `name`, in any case, or that of `FILE.py:CLASS`. Raises `UserError` with the nearest names."""
    return OPTIMIZERS.require(name if is_reference(name) else name.lower())
