"""What an optimizer must declare. Engines execute it."""

from dataclasses import dataclass, field
from inspect import isclass
from typing import ClassVar, Literal, TypeVar

from backproof.graph.op import ParameterSpec
from backproof.optim.schedules import Constant, Schedule
from backproof.option import OptionGroup, option
from backproof.registry import Registry
from backproof.user_file import is_reference, reporting_failures

Decay = Literal["coupled", "decoupled"]


@dataclass(frozen=True, kw_only=True)
class Optimizer(OptionGroup):
    """An optimizer is its settings and the formula in its docstring. Its settings are options of a run by themselves.

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

    plain_fields: ClassVar[bool] = True

    slots: ClassVar[tuple[str, ...]] = ()
    """State arrays kept for each parameter, each of the parameter's shape."""

    lr: float = option(1e-2, "Learning rate before the schedule.", minimum=0, name="learning_rate", alias="--lr")
    schedule: Schedule = field(default_factory=Constant)
    weight_decay: float = option(0.0, "Strength of weight decay.", minimum=0)
    decay: Decay = option("coupled", "Kind of weight decay: coupled (L2, part of the cost) or decoupled (AdamW's).")
    decay_all: bool = option(False, "Decay biases, scales and shifts too.")

    def rate(self, step: int) -> float:
        """The learning rate at `step`, counted from 0."""
        with reporting_failures(type(self.schedule), f"schedule '{type(self.schedule).__name__}'"):
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
