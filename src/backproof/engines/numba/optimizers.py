"""Optimizer steps as compiled loops: one pass over weights, gradient and state.

Each loop is one optimizer's formula (see its declaration in `backproof.optim`) on a block: weights `w`, gradient `g`
and state arrays. What does not depend on the element is worked out before, in float64, and rounded to the arrays'
dtype, as NumPy does; else a float32 loop would compute in float64.
"""

from collections import ChainMap
from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

import numpy as np

from backproof.engines.numba.compiled import compiled
from backproof.engines.numpy.optimizers import UPDATES as NUMPY_UPDATES
from backproof.engines.numpy.optimizers import Update
from backproof.graph import Array
from backproof.optim import (
    SGD,
    AdaBound,
    Adagrad,
    Adam,
    AdamW,
    AMSBound,
    Momentum,
    Nesterov,
    Optimizer,
    RMSprop,
)


@compiled
def sgd_loop(w: Array, g: Array, lr: float) -> None:
    """w ← w - lr g."""
    for i in range(w.size):
        w[i] -= lr * g[i]


@compiled
def momentum_loop(w: Array, g: Array, v: Array, mu: float, share: float, lr: float) -> None:
    """v ← μ v + share g,   w ← w - lr v."""
    for i in range(w.size):
        v[i] = mu * v[i] + share * g[i]
        w[i] -= lr * v[i]


@compiled
def nesterov_loop(w: Array, g: Array, v: Array, mu: float, lr: float) -> None:
    """v ← μ v + g,   w ← w - lr (g + μ v)."""
    for i in range(w.size):
        v[i] = mu * v[i] + g[i]
        w[i] -= lr * (g[i] + mu * v[i])


@compiled
def adam_loop(
    w: Array, g: Array, m: Array, v: Array, b1: float, r1: float, b2: float, r2: float, epsilon: float, rate: float
) -> None:
    """m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²,   w ← w - rate m / (√v + ε).   r is 1 - β."""
    for i in range(w.size):
        m[i] = b1 * m[i] + r1 * g[i]
        v[i] = b2 * v[i] + r2 * (g[i] * g[i])
        w[i] -= rate * m[i] / (np.sqrt(v[i]) + epsilon)


@compiled
def adabound_loop(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    v_max: Array,
    b1: float,
    r1: float,
    b2: float,
    r2: float,
    epsilon: float,
    rate: float,
    lower: float,
    upper: float,
) -> None:
    """Moments as Adam's;   v̂ ← max(v̂, v),   η = clip(rate / (√v̂ + ε), lower, upper),   w ← w - η m.

    AdaBound gives v for v̂: then it is v itself.
    """
    for i in range(w.size):
        m[i] = b1 * m[i] + r1 * g[i]
        v[i] = b2 * v[i] + r2 * (g[i] * g[i])
        v_max[i] = np.maximum(v_max[i], v[i])
        eta = rate / (np.sqrt(v_max[i]) + epsilon)
        w[i] -= np.minimum(np.maximum(eta, lower), upper) * m[i]


@compiled
def rmsprop_loop(w: Array, g: Array, v: Array, alpha: float, rest: float, epsilon: float, lr: float) -> None:
    """v ← α v + (1 - α) g²,   w ← w - lr g / (√v + ε)."""
    for i in range(w.size):
        v[i] = alpha * v[i] + rest * (g[i] * g[i])
        w[i] -= lr * g[i] / (np.sqrt(v[i]) + epsilon)


@compiled
def adagrad_loop(w: Array, g: Array, s: Array, epsilon: float, lr: float) -> None:
    """s ← s + g²,   w ← w - lr g / (√s + ε)."""
    for i in range(w.size):
        s[i] += g[i] * g[i]
        w[i] -= lr * g[i] / (np.sqrt(s[i]) + epsilon)


def adam_numbers(o: Adam, lr: float, t: int) -> tuple[float, ...]:
    """Numerator and denominator multiplied by c = √(1 - β₂ᵗ): rate = lr c / (1 - β₁ᵗ), and ε c stands for ε."""
    c = sqrt(1 - o.beta2**t)
    return o.beta1, 1 - o.beta1, o.beta2, 1 - o.beta2, o.epsilon * c, lr * c / (1 - o.beta1**t)


def adabound_numbers(o: AdaBound, lr: float, t: int) -> tuple[float, ...]:
    """rate = lr √(1 - β₂ᵗ) / (1 - β₁ᵗ); the bounds close around final_lr, scaled as the schedule scales lr."""
    final = o.final_lr * lr / o.lr if o.lr else 0.0
    lower, upper = final * (1 - 1 / (o.gamma * t + 1)), final * (1 + 1 / (o.gamma * t))
    rate = lr * sqrt(1 - o.beta2**t) / (1 - o.beta1**t)
    return o.beta1, 1 - o.beta1, o.beta2, 1 - o.beta2, o.epsilon, rate, lower, upper


def update(loop: Callable[..., None], numbers: Callable[[Any, float, int], tuple[float, ...]]) -> Update:
    """A step by `loop`, with the `numbers` of the step (optimizer, lr, t) rounded to the dtype of the weights."""

    def step(o: Optimizer, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
        loop(w, g, *state, *(w.dtype.type(number) for number in numbers(o, lr, t)))

    return step


COMPILED: dict[type[Optimizer], Update] = {
    SGD: update(sgd_loop, lambda o, lr, t: (lr,)),
    Momentum: update(momentum_loop, lambda o, lr, t: (o.momentum, o.share(t), lr)),
    Nesterov: update(nesterov_loop, lambda o, lr, t: (o.momentum, lr)),
    Adam: update(adam_loop, adam_numbers),
    AdamW: update(adam_loop, adam_numbers),
    AdaBound: update(lambda w, g, m, v, *numbers: adabound_loop(w, g, m, v, v, *numbers), adabound_numbers),
    AMSBound: update(adabound_loop, adabound_numbers),
    RMSprop: update(rmsprop_loop, lambda o, lr, t: (o.alpha, 1 - o.alpha, o.epsilon, lr)),
    Adagrad: update(adagrad_loop, lambda o, lr, t: (o.epsilon, lr)),
}

UPDATES: Mapping[type[Optimizer], Update] = ChainMap(COMPILED, NUMPY_UPDATES)
"""An optimizer that has no loop here takes NumPy's step."""
