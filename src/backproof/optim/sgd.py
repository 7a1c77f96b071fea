"""Gradient descent, plain and with momentum."""

from dataclasses import dataclass
from typing import ClassVar

from backproof.errors import UserError
from backproof.optim.optimizer import Optimizer, optimizer


@optimizer
@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """w ← w - lr g.   Robbins & Monro 1951."""


@optimizer
@dataclass(frozen=True, kw_only=True)
class Momentum(Optimizer):
    """v ← μ v + (1 - d) g,   w ← w - lr v.   Polyak 1964, in PyTorch's form: the rate is outside the velocity.

    At t = 1 the gradient is not dampened: v ← μ v + g.

    Attributes:
        momentum: μ in [0, 1).
        dampening: d in [0, 1].
    """

    slots: ClassVar[tuple[str, ...]] = ("v",)

    momentum: float = 0.9
    dampening: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise UserError(f"momentum lies in [0, 1), not {self.momentum}")
        if not 0 <= self.dampening <= 1:
            raise UserError(f"dampening lies between 0 and 1, not {self.dampening}")

    def share(self, t: int) -> float:
        """What the gradient is multiplied by on its way into the velocity, at step `t`: 1 - d, but 1 at the first."""
        return 1 - self.dampening if t > 1 else 1.0


@optimizer
@dataclass(frozen=True, kw_only=True)
class Nesterov(Momentum):
    """v ← μ v + g,   w ← w - lr (g + μ v).   Nesterov 1983, in PyTorch's form, which has no dampening."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dampening:
            raise UserError(f"Nesterov's momentum has no dampening; it is 0, not {self.dampening}")
