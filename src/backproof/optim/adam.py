"""The Adam family."""

from dataclasses import dataclass
from typing import ClassVar

from backproof.optim.optimizer import Decay, Optimizer, optimizer
from backproof.option import option


@optimizer
@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Kingma & Ba 2015, algorithm 1, in PyTorch's form: ε is added after the bias correction.

    m ← β₁ m + (1 - β₁) g              v ← β₂ v + (1 - β₂) g²
    w ← w - lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε)
    """

    slots: ClassVar[tuple[str, ...]] = ("m", "v")

    lr: float = 1e-3
    beta1: float = option(0.9, "β₁, the share of the mean gradient that is kept at each step.", minimum=0, below=1)
    beta2: float = option(0.999, "β₂, the share of the mean square that is kept at each step.", minimum=0, below=1)
    epsilon: float = option(1e-8, "ε, added to the root of the squares.", minimum=0)


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
    """

    final_lr: float = option(0.1, "Learning rate of the SGD that it turns into.", minimum=0)
    gamma: float = option(1e-3, "γ, how fast the bounds of the rate close.", above=0, name="bound_gamma")


@optimizer
@dataclass(frozen=True, kw_only=True)
class AMSBound(AdaBound):
    """AdaBound on the largest v so far: v̂ ← max(v̂, v) stands in η for v.   Luo et al. 2019, the authors' form."""

    slots: ClassVar[tuple[str, ...]] = ("m", "v", "v_max")
