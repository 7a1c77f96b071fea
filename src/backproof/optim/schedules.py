"""Learning-rate schedules: the factor on an optimizer's learning rate at each step, each with linear warm-up."""

from dataclasses import dataclass
from math import cos, pi

from backproof.errors import UserError, unknown


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A constant rate, and what all schedules share.

    Attributes:
        warmup: steps of linear warm-up: the factor is (t + 1) / warmup until it is 1 (Goyal et al. 2017).
    """

    warmup: int = 0

    def factor(self, step: int) -> float:
        """The factor at `step`, counted from 0."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        return self.decay(step - self.warmup)

    def decay(self, step: int) -> float:  # noqa: ARG002
        """The factor `step` steps after the warm-up."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """factor = 1."""


@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule):
    """factor = gamma^(t / every).

    Attributes:
        gamma: what the rate is multiplied by over `every` steps.
        every: steps.
    """

    gamma: float
    every: int = 1

    def decay(self, step: int) -> float:
        """Continuous decay."""
        return float(self.gamma ** (step / self.every))


@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """factor = gamma^⌊t / every⌋.   PyTorch's `StepLR`.

    Attributes:
        gamma: what the rate is multiplied by at each drop.
        every: steps between drops.
    """

    gamma: float
    every: int

    def decay(self, step: int) -> float:
        """A staircase."""
        return float(self.gamma ** (step // self.every))


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """factor = floor + (1 - floor) (1 + cos(π t / steps)) / 2, then floor.   Loshchilov & Hutter 2017, no restarts.

    Attributes:
        steps: length of the half wave, warm-up not counted.
        floor: the factor at its end.
    """

    steps: int
    floor: float = 0.0

    def decay(self, step: int) -> float:
        """Half a cosine wave."""
        t = min(step, self.steps)
        return self.floor + (1 - self.floor) * (1 + cos(pi * t / self.steps)) / 2


def make_schedule(
    name: str,
    *,
    steps_per_epoch: int,
    epochs: int,
    warmup: float = 0,
    gamma: float = 0.1,
    every: float = 30,
    floor: float = 0,
) -> Schedule:
    """A schedule from times given in epochs, as people think of them.

    `every` and `warmup` are epochs; a cosine reaches its `floor` with the last epoch. Raises `UserError` for an unknown
    name.
    """
    start = round(warmup * steps_per_epoch)
    period = max(1, round(every * steps_per_epoch))
    match name:
        case "constant":
            return Constant(warmup=start)
        case "exponential":
            return Exponential(gamma=gamma, every=period, warmup=start)
        case "step":
            return Step(gamma=gamma, every=period, warmup=start)
        case "cosine":
            remaining = epochs * steps_per_epoch - start
            if remaining < 1:
                raise UserError(f"--warmup {warmup} leaves nothing of the {epochs} epochs for the cosine schedule")
            return Cosine(steps=remaining, floor=floor, warmup=start)
    raise unknown("schedule", name, ("constant", "exponential", "step", "cosine"))
