"""RMSprop."""

from dataclasses import dataclass
from typing import ClassVar

from backproof.errors import UserError
from backproof.optim.optimizer import Optimizer, optimizer


@optimizer
@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """v ← α v + (1 - α) g²,   w ← w - lr g / (√v + ε).   Hinton's lecture 6e, in PyTorch's form.

    Attributes:
        alpha: α in [0, 1).
        epsilon: ε.
    """

    slots: ClassVar[tuple[str, ...]] = ("v",)

    lr: float = 1e-3
    alpha: float = 0.99
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.alpha < 1:
            raise UserError(f"alpha lies in [0, 1), not {self.alpha}")
