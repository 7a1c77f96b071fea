"""Adagrad."""

from dataclasses import dataclass
from typing import ClassVar

from backproof.optim.optimizer import Optimizer, optimizer


@optimizer
@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """s ← s + g²,   w ← w - lr g / (√s + ε).   Duchi et al. 2011, in PyTorch's form.

    The rate falls by itself: lr is divided by 1 + (t - 1) lr_decay.

    Attributes:
        epsilon: ε.
        initial_sum: what s starts at, 0 or more.
        lr_decay: how fast the rate falls, 0 or more.
    """

    slots: ClassVar[tuple[str, ...]] = ("s",)

    epsilon: float = 1e-10
    initial_sum: float = 0.0
    lr_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_not_negative("epsilon", "initial_sum", "lr_decay")

    def rate(self, step: int) -> float:
        """The learning rate at `step`, counted from 0."""
        return super().rate(step) / (1 + step * self.lr_decay)

    def initial_slot(self, slot: str) -> float:  # noqa: ARG002
        """`initial_sum`."""
        return self.initial_sum
