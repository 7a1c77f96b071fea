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
        self.require_not_negative("epsilon")


@optimizer
@dataclass(frozen=True, kw_only=True)
class CenteredRMSprop(RMSprop):
    """RMSprop by the variance of the gradient, with momentum.   Graves 2013, in PyTorch's form (`centered=True`).

        v ← α v + (1 - α) g²               m ← α m + (1 - α) g
        u ← μ u + g / (√(v - m²) + ε)      w ← w - lr u

    v - m² is a variance; where rounding makes it negative, it is taken for 0.

    Attributes:
        momentum: μ in [0, 1).
    """

    slots: ClassVar[tuple[str, ...]] = ("v", "m", "u")

    momentum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise UserError(f"momentum lies in [0, 1), not {self.momentum}")
