"""Adagrad."""

from dataclasses import dataclass
from typing import ClassVar

from backproof.optim.optimizer import Optimizer, optimizer


@optimizer
@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """s ← s + g²,   w ← w - lr g / (√s + ε).   Duchi et al. 2011, in PyTorch's form without its rate decay.

    Attributes:
        epsilon: ε.
        initial: what s starts at.
    """

    slots: ClassVar[tuple[str, ...]] = ("s",)

    epsilon: float = 1e-10
    initial: float = 0.0

    def initial_slot(self, slot: str) -> float:  # noqa: ARG002
        """`initial`."""
        return self.initial
