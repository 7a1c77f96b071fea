"""Learning-rate schedules: the factor on an optimizer's learning rate at each step, each with linear warm-up."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isclass
from math import cos, pi
from typing import Any, ClassVar, Self, TypeVar

from backproof.errors import OptionError
from backproof.option import OptionGroup, option, options_of
from backproof.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Schedule(OptionGroup):
    """What all schedules share. Times are in steps; as options of a run, which they are by themselves, in epochs.

    Attributes:
        warmup: steps of linear warm-up: the factor is (t + 1) / warmup until it is 1 (Goyal et al. 2017).
    """

    plain_fields: ClassVar[bool] = True

    needs_end: ClassVar[bool] = False
    """Whether the rates depend on the number of epochs. Such a schedule has a field `steps`: those after warm-up."""

    warmup: int = option(0, "Epochs of linear warm-up.", minimum=0, unit="epochs", in_epochs=True)

    def factor(self, step: int) -> float:
        """The factor at `step`, counted from 0."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        return self.decay(step - self.warmup)

    def decay(self, step: int) -> float:  # noqa: ARG002
        """The factor `step` steps after the warm-up."""
        return 1.0

    @classmethod
    def from_epochs(cls, settings: Mapping[str, Any], *, steps_per_epoch: int, epochs: int) -> Self:
        """The schedule with these settings by their fields, times in epochs."""
        own = dict(settings)
        for declared in options_of(cls).values():
            if declared.option.in_epochs:
                steps = round(own.get(declared.field, declared.default) * steps_per_epoch)
                own[declared.field] = steps if declared.option.above is None else max(1, steps)
        if cls.needs_end:
            own["steps"] = max(epochs, 1) * steps_per_epoch - own["warmup"]
            if own["steps"] < 1:
                name = cls.__name__.lower()
                raise OptionError(
                    "{warmup:{}} leaves nothing of the {} epochs for {schedule:{}}", settings["warmup"], epochs, name
                )
        return cls(**own)


AnySchedule = TypeVar("AnySchedule", bound=Schedule)

SCHEDULES: Registry[type[Schedule]] = Registry("schedule", lambda part: isclass(part) and issubclass(part, Schedule))
"""Every schedule by its name in lower case."""


def schedule(cls: type[AnySchedule]) -> type[AnySchedule]:
    """Class decorator: put a schedule into the registry."""
    SCHEDULES.add(cls.__name__.lower(), cls)
    return cls


@schedule
@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """factor = 1."""


@dataclass(frozen=True, kw_only=True)
class _Decaying(Schedule):
    """Multiplies the rate by gamma over `every` steps."""

    gamma: float = option(0.1, "What the rate is multiplied by in each period.", minimum=0, name="schedule_gamma")
    every: int = option(30, "Epochs of a period.", above=0, unit="epochs", name="schedule_every", in_epochs=True)


@schedule
@dataclass(frozen=True, kw_only=True)
class Exponential(_Decaying):
    """factor = gamma^(t / every)."""

    def decay(self, step: int) -> float:
        return float(self.gamma ** (step / self.every))


@schedule
@dataclass(frozen=True, kw_only=True)
class Step(_Decaying):
    """factor = gamma^⌊t / every⌋.   PyTorch's `StepLR`."""

    def decay(self, step: int) -> float:
        return float(self.gamma ** (step // self.every))


@schedule
@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """factor = floor + (1 - floor) (1 + cos(π t / steps)) / 2, then floor.   Loshchilov & Hutter 2017, no restarts."""

    needs_end: ClassVar[bool] = True

    steps: int
    floor: float = option(
        0.0, "Share of the learning rate at which it ends.", minimum=0, maximum=1, name="schedule_floor"
    )

    def decay(self, step: int) -> float:
        t = min(step, self.steps)
        return self.floor + (1 - self.floor) * (1 + cos(pi * t / self.steps)) / 2
