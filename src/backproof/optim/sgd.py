"""Gradient descent, plain and with momentum."""

from dataclasses import dataclass
from typing import ClassVar

from backproof.optim.optimizer import Optimizer, optimizer
from backproof.option import option

MOMENTUM = "Momentum: the share of the velocity that is kept at each step."


@optimizer
@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """w ← w - lr g.   Robbins & Monro 1951."""


@optimizer
@dataclass(frozen=True, kw_only=True)
class Momentum(Optimizer):
    """v ← μ v + (1 - d) g,   w ← w - lr v.   Polyak 1964, in PyTorch's form: the rate is outside the velocity.

    At t = 1 the gradient is not dampened: v ← μ v + g.   μ is `momentum`, d `dampening`.
    """

    slots: ClassVar[tuple[str, ...]] = ("v",)

    momentum: float = option(0.9, MOMENTUM, minimum=0, below=1)
    dampening: float = option(0.0, "Share of the gradient that the velocity leaves out.", minimum=0, maximum=1)

    def share(self, t: int) -> float:
        """What the gradient is multiplied by on its way into the velocity, at step `t`: 1 - d, but 1 at the first."""
        return 1 - self.dampening if t > 1 else 1.0


@optimizer
@dataclass(frozen=True, kw_only=True)
class Nesterov(Optimizer):
    """v ← μ v + g,   w ← w - lr (g + μ v).   Nesterov 1983, in PyTorch's form.   μ is `momentum`."""

    slots: ClassVar[tuple[str, ...]] = ("v",)

    momentum: float = option(0.9, MOMENTUM, minimum=0, below=1)
