"""Optimizers: see each declaration in `backproof.optim` for the formula and whose variant it is.

What changes from step to step (rates, bias corrections, bounds) is worked out here in double precision and handed to
the compiled step as numbers, so that no schedule and no t is compiled into it.
"""

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import sqrt
from typing import Any, TypeVar

from jax import Array
from jax import numpy as jnp

from backproof.engines import custom
from backproof.engines.custom import Adapted
from backproof.engines.kernel import require_update
from backproof.optim import (
    SGD,
    AdaBound,
    Adagrad,
    Adam,
    AdamW,
    AMSBound,
    AMSGrad,
    CenteredRMSprop,
    Constant,
    Momentum,
    Nesterov,
    Optimizer,
    RMSprop,
)

Slots = dict[str, Array]
Numbers = Mapping[str, Any]
"""Numbers of a step by their names in the formulas: floats outside, scalars of the trainer's dtype in the program."""

Update = Callable[[Any, Array, Array, Slots, Numbers], tuple[Array, Slots]]
"""(optimizer, w, g, the parameter's slots, numbers) -> what w is lessened by, and the new slots."""


def _custom(kind: type[Optimizer], written: Callable[..., tuple[Array, ...]]) -> Update:
    """A user's (o, w, g, lr, t, *slots) -> (w, *slots)."""

    def update(o: Optimizer, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
        new, *state = written(o, w, g, n["lr"], n["t"], *(slots[slot] for slot in kind.slots))
        return w - new, dict(zip(kind.slots, state, strict=True))

    return update


UPDATES: ChainMap[type[Optimizer], Update] = custom.chain({}, Adapted(custom.UPDATES["jax"], _custom))

AnyUpdate = TypeVar("AnyUpdate", bound=Update)


def updates(optimizer: type[Optimizer]) -> Callable[[AnyUpdate], AnyUpdate]:
    """Decorator: enter an update into the table."""

    def register(function: AnyUpdate) -> AnyUpdate:
        UPDATES[optimizer] = function
        return function

    return register


def require(optimizer: Optimizer) -> Update:
    """The update of `optimizer`. Raises `UserError` if there is none."""
    return require_update("jax", UPDATES, optimizer)


def compiled_in(optimizer: Optimizer) -> Optimizer:
    """What a compiled step depends on: the optimizer but for its rate."""
    return replace(optimizer, lr=0.0, schedule=Constant())


def numbers(o: Optimizer, step: int) -> dict[str, float]:
    """What the update at `step`, counted from 0, needs besides the arrays."""
    lr, t = o.rate(step), step + 1
    found = {"lr": lr}
    if type(o) in custom.UPDATES["jax"]:
        found["t"] = t
    if o.decay == "decoupled":
        found["kept"] = 1 - lr * o.weight_decay
    if isinstance(o, Momentum):
        found["share"] = o.share(t)
    if isinstance(o, Adam):
        found |= {"lr_m": lr / (1 - o.beta1**t), "root": sqrt(1 - o.beta2**t)}
    if isinstance(o, AdaBound):
        final = o.final_lr * lr / o.lr if o.lr else 0.0
        found |= {"lower": final * (1 - 1 / (o.gamma * t + 1)), "upper": final * (1 + 1 / (o.gamma * t))}
    return found


@updates(SGD)
def sgd(o: SGD, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
    """lr g."""
    return n["lr"] * g, {}


@updates(Momentum)
def momentum(o: Momentum, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
    """lr v."""
    v = o.momentum * slots["v"] + n["share"] * g
    return n["lr"] * v, {"v": v}


@updates(Nesterov)
def nesterov(o: Nesterov, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
    """lr (g + μ v)."""
    v = o.momentum * slots["v"] + g
    return n["lr"] * (g + o.momentum * v), {"v": v}


@updates(Adam)
@updates(AdamW)
def adam(o: Adam, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
    """lr m / (1 - β₁ᵗ) / (√v / √(1 - β₂ᵗ) + ε)."""
    m, v = _moments(o, g, slots)
    return n["lr_m"] * m / (jnp.sqrt(v) / n["root"] + o.epsilon), {"m": m, "v": v}


@updates(AMSGrad)
def amsgrad(o: AMSGrad, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
    """Adam's, on the largest v so far."""
    m, v = _moments(o, g, slots)
    v_max = jnp.maximum(slots["v_max"], v)
    return n["lr_m"] * m / (jnp.sqrt(v_max) / n["root"] + o.epsilon), {"m": m, "v": v, "v_max": v_max}


@updates(AdaBound)
def adabound(o: AdaBound, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
    """η m."""
    m, v = _moments(o, g, slots)
    return _bounded(o, v, n) * m, {"m": m, "v": v}


@updates(AMSBound)
def amsbound(o: AMSBound, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
    """η m, η from the largest v so far."""
    m, v = _moments(o, g, slots)
    v_max = jnp.maximum(slots["v_max"], v)
    return _bounded(o, v_max, n) * m, {"m": m, "v": v, "v_max": v_max}


@updates(RMSprop)
def rmsprop(o: RMSprop, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
    """lr g / (√v + ε)."""
    v = o.alpha * slots["v"] + (1 - o.alpha) * g**2
    return n["lr"] * g / (jnp.sqrt(v) + o.epsilon), {"v": v}


@updates(CenteredRMSprop)
def centered_rmsprop(o: CenteredRMSprop, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
    """lr u."""
    v = o.alpha * slots["v"] + (1 - o.alpha) * g**2
    m = o.alpha * slots["m"] + (1 - o.alpha) * g
    u = o.momentum * slots["u"] + g / (jnp.sqrt(jnp.maximum(v - m**2, 0)) + o.epsilon)
    return n["lr"] * u, {"v": v, "m": m, "u": u}


@updates(Adagrad)
def adagrad(o: Adagrad, w: Array, g: Array, slots: Slots, n: Numbers) -> tuple[Array, Slots]:
    """lr g / (√s + ε)."""
    s = slots["s"] + g**2
    return n["lr"] * g / (jnp.sqrt(s) + o.epsilon), {"s": s}


def _moments(o: Adam, g: Array, slots: Slots) -> tuple[Array, Array]:
    """m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²."""
    return o.beta1 * slots["m"] + (1 - o.beta1) * g, o.beta2 * slots["v"] + (1 - o.beta2) * g**2


def _bounded(o: AdaBound, v: Array, n: Numbers) -> Array:
    """η = clip(lr √(1 - β₂ᵗ) / (1 - β₁ᵗ) / (√v + ε), lower, upper)."""
    return jnp.clip(n["lr_m"] * n["root"] / (jnp.sqrt(v) + o.epsilon), n["lower"], n["upper"])
