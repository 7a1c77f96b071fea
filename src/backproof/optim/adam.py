"""The Adam family."""

from dataclasses import dataclass
from typing import ClassVar

from backproof.errors import UserError
from backproof.optim.optimizer import Decay, Optimizer, optimizer


@optimizer
@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Kingma & Ba 2015, algorithm 1, in PyTorch's form: ε is added after the bias correction.

        m ← β₁ m + (1 - β₁) g              v ← β₂ v + (1 - β₂) g²
        w ← w - lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε)

    Attributes:
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).
        epsilon: ε.
    """

    slots: ClassVar[tuple[str, ...]] = ("m", "v")

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, beta in (("beta1", self.beta1), ("beta2", self.beta2)):
            if not 0 <= beta < 1:
                raise UserError(f"{name} lies in [0, 1), not {beta}")
        self.require_not_negative("epsilon")


@optimizer
@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with decoupled weight decay.   Loshchilov & Hutter 2019, algorithm 2, as PyTorch's: w ← w - lr λ w first."""

    weight_decay: float = 1e-2
    decay: Decay = "decoupled"


@optimizer
@dataclass(frozen=True, kw_only=True)
class AMSGrad(Adam):
    """Adam on the largest v so far: v̂ ← max(v̂, v) stands for v in the update of w.   Reddi et al. 2018.

    As PyTorch's `Adam(amsgrad=True)`; with `decay="decoupled"` its `AdamW(amsgrad=True)`.
    """

    slots: ClassVar[tuple[str, ...]] = ("m", "v", "v_max")


@optimizer
@dataclass(frozen=True, kw_only=True)
class AdaBound(Adam):
    """Luo et al. 2019, in the form of the authors' code: ε is added before the bias correction.

        m ← β₁ m + (1 - β₁) g              v ← β₂ v + (1 - β₂) g²
        final = final_lr · lr / lr₀        (lr₀ is the rate before the schedule)
        lower = final (1 - 1 / (γ t + 1))       upper = final (1 + 1 / (γ t))
        η = clip(lr √(1 - β₂ᵗ) / (1 - β₁ᵗ) / (√v + ε), lower, upper)
        w ← w - η m

    Attributes:
        final_lr: the rate of the SGD that it turns into.
        gamma: γ above 0, how fast the bounds close.
    """

    final_lr: float = 0.1
    gamma: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_not_negative("final_lr")
        if not self.gamma > 0:
            raise UserError(f"{type(self).__name__}'s gamma is above 0, not {self.gamma}")


@optimizer
@dataclass(frozen=True, kw_only=True)
class AMSBound(AdaBound):
    """AdaBound on the largest v so far: v̂ ← max(v̂, v) stands in η for v.   Luo et al. 2019, the authors' form."""

    slots: ClassVar[tuple[str, ...]] = ("m", "v", "v_max")
