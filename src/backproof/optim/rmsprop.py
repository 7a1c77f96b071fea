"""RMSprop."""

from dataclasses import dataclass
from typing import ClassVar

from backproof.optim.optimizer import Optimizer, optimizer
from backproof.optim.sgd import MOMENTUM
from backproof.option import option


@optimizer
@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """v ← α v + (1 - α) g²,   w ← w - lr g / (√v + ε).   Hinton's lecture 6e, in PyTorch's form."""

    slots: ClassVar[tuple[str, ...]] = ("v",)

    lr: float = 1e-3
    alpha: float = option(0.99, "α, the share of the mean square that is kept at each step.", minimum=0, below=1)
    epsilon: float = option(1e-8, "ε, added to the root of the squares.", minimum=0)


@optimizer
@dataclass(frozen=True, kw_only=True)
class CenteredRMSprop(RMSprop):
    """RMSprop by the variance of the gradient, with momentum.   Graves 2013, in PyTorch's form (`centered=True`).

        v ← α v + (1 - α) g²               m ← α m + (1 - α) g
        u ← μ u + g / (√(v - m²) + ε)      w ← w - lr u

    v - m² is a variance; where rounding makes it negative, it is taken for 0.   μ is `momentum`.
    """

    slots: ClassVar[tuple[str, ...]] = ("v", "m", "u")

    momentum: float = option(0.0, MOMENTUM, minimum=0, below=1)
