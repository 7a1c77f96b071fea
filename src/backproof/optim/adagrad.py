"""Adagrad."""

from dataclasses import dataclass
from typing import ClassVar

from backproof.optim.optimizer import Optimizer, optimizer
from backproof.option import option


@optimizer
@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """s ← s + g²,   w ← w - lr g / (√s + ε).   Duchi et al. 2011, in PyTorch's form.

    s starts at `initial_sum`. The rate falls by itself: lr is divided by 1 + (t - 1) lr_decay.
    """

    slots: ClassVar[tuple[str, ...]] = ("s",)

    epsilon: float = option(1e-10, "ε, added to the root of the squares.", minimum=0)
    initial_sum: float = option(0.0, "What the sum of squares starts at.", minimum=0)
    lr_decay: float = option(0.0, "The learning rate is divided by 1 plus this times the steps taken.", minimum=0)

    def rate(self, step: int) -> float:
        return super().rate(step) / (1 + step * self.lr_decay)

    def initial_slot(self, slot: str) -> float:  # noqa: ARG002
        return self.initial_sum
