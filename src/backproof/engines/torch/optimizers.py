"""Our optimizers by PyTorch's: native where the formula is the same, and in the authors' form where it has none."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backproof.engines import custom
from backproof.engines.custom import Adapted
from backproof.engines.kernel import require_update
from backproof.graph import Arrays, ParameterSpec
from backproof.optim import (
    SGD,
    AdaBound,
    Adagrad,
    Adam,
    AdamW,
    AMSBound,
    AMSGrad,
    CenteredRMSprop,
    Momentum,
    Nesterov,
    Optimizer,
    RMSprop,
)

Groups = list[dict[str, Any]]


class Custom(torch.optim.Optimizer):
    """A user's (o, w, g, lr, t, *slots) -> (w, *slots), on tensors."""

    def __init__(self, o: Optimizer, groups: Groups) -> None:
        super().__init__(groups, {"lr": o.lr})
        self.o = o
        self._update = custom.UPDATES["torch"][type(o)]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update from the gradients that are there."""
        assert closure is None, "the gradients are there already"
        with torch.no_grad():
            for group in self.param_groups:
                for w in group["params"]:
                    state = self.state[w]
                    state["step"] += 1
                    slots = [state[slot] for slot in self.o.slots]
                    made = self._update(self.o, w.detach(), w.grad, group["lr"], int(state["step"]), *slots)
                    for tensor, new in zip((w, *slots), [new.clone() for new in made], strict=True):
                        tensor.copy_(new)


class Bound(torch.optim.Optimizer):
    """AdaBound and AMSBound: see `backproof.optim.adam` for the formula. State is named as our slots are."""

    def __init__(self, o: AdaBound, groups: Groups) -> None:
        super().__init__(groups, {"lr": o.lr})
        self.o = o

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update from the gradients that are there."""
        assert closure is None, "the gradients are there already"
        o = self.o
        with torch.no_grad():
            for group in self.param_groups:
                for w in group["params"]:
                    state = self.state[w]
                    state["step"] += 1
                    t = int(state["step"])
                    g = w.grad
                    state["m"].lerp_(g, 1 - o.beta1)
                    v = state["v"].mul_(o.beta2).addcmul_(g, g, value=1 - o.beta2)
                    if isinstance(o, AMSBound):
                        v = torch.maximum(state["v_max"], v, out=state["v_max"])
                    final = o.final_lr * group["lr"] / o.lr if o.lr else 0.0
                    lower, upper = final * (1 - 1 / (o.gamma * t + 1)), final * (1 + 1 / (o.gamma * t))
                    rate = group["lr"] * sqrt(1 - o.beta2**t) / (1 - o.beta1**t)
                    w.sub_((rate / (v.sqrt() + o.epsilon)).clamp_(lower, upper).mul_(state["m"]))


def _adam(o: Adam, groups: Groups) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if o.decay == "decoupled" else torch.optim.Adam
    return kind(groups, betas=(o.beta1, o.beta2), eps=o.epsilon, amsgrad=isinstance(o, AMSGrad))


def _centered(o: CenteredRMSprop, groups: Groups) -> torch.optim.Optimizer:
    # Without momentum PyTorch keeps no velocity, which is then the step itself. The smallest number there is makes it
    # keep one, and is lost in rounding.
    momentum = o.momentum or 5e-324
    return torch.optim.RMSprop(groups, alpha=o.alpha, eps=o.epsilon, momentum=momentum, centered=True)


@dataclass(frozen=True)
class Native:
    """How PyTorch runs one of our optimizers.

    Attributes:
        make: from our declaration and parameter groups.
        slots: PyTorch's name of each of our slots.
        decouples: whether it takes a decoupled weight decay itself.
    """

    make: Callable[[Any, Groups], torch.optim.Optimizer]
    slots: Mapping[str, str]
    decouples: bool = False


_VELOCITY = {"v": "momentum_buffer"}
_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}

OWN: dict[type[Optimizer], Native] = {
    SGD: Native(lambda o, groups: torch.optim.SGD(groups), {}),
    Momentum: Native(lambda o, groups: torch.optim.SGD(groups, momentum=o.momentum, dampening=o.dampening), _VELOCITY),
    # PyTorch refuses Nesterov's form without momentum, where it is plain descent anyway.
    Nesterov: Native(
        lambda o, groups: torch.optim.SGD(groups, momentum=o.momentum, nesterov=o.momentum > 0), _VELOCITY
    ),
    Adam: Native(_adam, _MOMENTS, decouples=True),
    AdamW: Native(_adam, _MOMENTS, decouples=True),
    AMSGrad: Native(_adam, _MOMENTS | {"v_max": "max_exp_avg_sq"}, decouples=True),
    AdaBound: Native(Bound, {"m": "m", "v": "v"}),
    AMSBound: Native(Bound, {"m": "m", "v": "v", "v_max": "v_max"}),
    RMSprop: Native(lambda o, groups: torch.optim.RMSprop(groups, alpha=o.alpha, eps=o.epsilon), {"v": "square_avg"}),
    CenteredRMSprop: Native(_centered, {"v": "square_avg", "m": "grad_avg", "u": "momentum_buffer"}),
    Adagrad: Native(lambda o, groups: torch.optim.Adagrad(groups, eps=o.epsilon), {"s": "sum"}),
}


NATIVE = custom.chain(
    OWN, Adapted(custom.UPDATES["torch"], lambda kind, _: Native(Custom, {slot: slot for slot in kind.slots}))
)


def decayed(
    optimizer: Optimizer, weights: Mapping[str, Tensor], specs: Mapping[str, ParameterSpec]
) -> dict[str, Tensor]:
    """The weights that weight decay applies to."""
    return {name: w for name, w in weights.items() if optimizer.decays(specs[name])}


def penalty(optimizer: Optimizer, weights: Iterable[Tensor]) -> float:
    """λ/2 ‖w‖² of coupled weight decay over the weights that it applies to."""
    if not optimizer.l2:
        return 0.0
    with torch.no_grad():
        return optimizer.l2 / 2 * sum(torch.dot(w.view(-1), w.view(-1)).item() for w in weights)


class Updater:
    """One of our optimizers bound to a trainer's weights.

    `state` is what `slots()` gave, or empty to start afresh.
    """

    def __init__(
        self, optimizer: Optimizer, weights: Mapping[str, Tensor], specs: Mapping[str, ParameterSpec], state: Arrays
    ) -> None:
        self.optimizer = optimizer
        self._weights = weights
        self._native = require_update("torch", NATIVE, optimizer)
        chosen = decayed(optimizer, weights, specs)
        self._decayed = list(chosen.values())
        decoupled, by_torch = optimizer.decay == "decoupled", self._native.decouples
        self._shrunk = self._decayed if decoupled and not by_torch else []
        groups: Groups = [
            {"params": self._decayed, "weight_decay": optimizer.weight_decay if decoupled and by_torch else 0.0},
            {"params": [w for name, w in weights.items() if name not in chosen], "weight_decay": 0.0},
        ]
        # A network without weights has nothing to update, and PyTorch wants a group even so.
        self._torch = self._native.make(optimizer, [group for group in groups if group["params"]] or groups[:1])
        for name, w in weights.items():
            self._torch.state[w] = {"step": torch.tensor(0.0)}
            for slot, torchs_name in self._native.slots.items():
                array = torch.full_like(w, optimizer.initial_slot(slot), requires_grad=False)
                if state:
                    array.copy_(torch.tensor(np.array(state[f"{slot}/{name}"], order="C")))
                self._torch.state[w][torchs_name] = array
        self._counters = [entry["step"] for entry in self._torch.state.values()]
        self._counted = 0

    def slots(self) -> dict[str, Tensor]:
        """The state arrays, as `slot/parameter`."""
        return {
            f"{slot}/{name}": self._torch.state[w][torchs_name]
            for slot, torchs_name in self._native.slots.items()
            for name, w in self._weights.items()
        }

    def penalty(self) -> float:
        """λ/2 ‖w‖² of coupled weight decay."""
        return penalty(self.optimizer, self._decayed)

    def couple(self) -> None:
        """Add λ w to the gradients, where the optimizer's decay is coupled."""
        if self.optimizer.l2:
            with torch.no_grad():
                for w in self._decayed:
                    assert w.grad is not None, "the backward pass has set it"
                    w.grad.add_(w, alpha=self.optimizer.l2)

    def update(self, step: int) -> None:
        """Take one step from the weights' `grad`; `step` counts from 0."""
        lr = self.optimizer.rate(step)
        if self._counted != step:  # PyTorch counts steps itself; a resumed run goes on from its own count
            for counter in self._counters:
                counter.fill_(step)
        for group in self._torch.param_groups:
            group["lr"] = lr
            if "dampening" in group:  # PyTorch knows the first step, which is not dampened, by its missing velocity
                group["dampening"] = 1 - self.optimizer.share(step + 1) if isinstance(self.optimizer, Momentum) else 0.0
        if self._shrunk:
            with torch.no_grad():
                for w in self._shrunk:
                    w.mul_(1 - lr * self.optimizer.weight_decay)
        self._torch.step()
        self._counted = step + 1
