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
    """v ← μ v + g,   w ← w - lr v.   Polyak 1964, in PyTorch's form: the rate is outside the velocity.

    Attributes:
        momentum: μ in [0, 1).
    """

    slots: ClassVar[tuple[str, ...]] = ("v",)

    momentum: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise UserError(f"momentum lies in [0, 1), not {self.momentum}")


@optimizer
@dataclass(frozen=True, kw_only=True)
class Nesterov(Momentum):
    """v ← μ v + g,   w ← w - lr (g + μ v).   Nesterov 1983, in PyTorch's form."""
