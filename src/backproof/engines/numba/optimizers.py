"""Optimizer steps as compiled loops: one pass over weights, gradient and state.

Each loop is one optimizer's formula (see its declaration in `backproof.optim`) on a block: weights `w`, gradient `g`
and state arrays. What does not depend on the element is worked out before, in float64, and rounded to the arrays'
dtype, as NumPy does; else a float32 loop would compute in float64.
"""

from collections import ChainMap
from collections.abc import Mapping
from math import sqrt

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


def rounded(w: Array, *numbers: float) -> tuple[float, ...]:
    """`numbers` in the dtype of w."""
    return tuple(w.dtype.type(number) for number in numbers)


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


def sgd(o: SGD, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """Plain descent."""
    sgd_loop(w, g, *rounded(w, lr))


def momentum(o: Momentum, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """Polyak's."""
    (v,) = state
    momentum_loop(w, g, v, *rounded(w, o.momentum, o.share(t), lr))


def nesterov(o: Nesterov, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """Nesterov's."""
    (v,) = state
    nesterov_loop(w, g, v, *rounded(w, o.momentum, lr))


def _betas(o: Adam) -> tuple[float, float, float, float]:
    """β₁, 1 - β₁, β₂, 1 - β₂."""
    return o.beta1, 1 - o.beta1, o.beta2, 1 - o.beta2


def adam(o: Adam, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """Numerator and denominator multiplied by c = √(1 - β₂ᵗ): rate = lr c / (1 - β₁ᵗ), and ε c stands for ε."""
    c = sqrt(1 - o.beta2**t)
    m, v = state
    adam_loop(w, g, m, v, *rounded(w, *_betas(o), o.epsilon * c, lr * c / (1 - o.beta1**t)))


def adabound(o: AdaBound, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """rate = lr √(1 - β₂ᵗ) / (1 - β₁ᵗ); the bounds close around final_lr, scaled as the schedule scales lr."""
    final = o.final_lr * lr / o.lr if o.lr else 0.0
    lower, upper = final * (1 - 1 / (o.gamma * t + 1)), final * (1 + 1 / (o.gamma * t))
    rate = lr * sqrt(1 - o.beta2**t) / (1 - o.beta1**t)
    numbers = rounded(w, *_betas(o), o.epsilon, rate, lower, upper)
    adabound_loop(w, g, state[0], state[1], state[-1], *numbers)


def rmsprop(o: RMSprop, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """Hinton's."""
    (v,) = state
    rmsprop_loop(w, g, v, *rounded(w, o.alpha, 1 - o.alpha, o.epsilon, lr))


def adagrad(o: Adagrad, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """Duchi's."""
    (s,) = state
    adagrad_loop(w, g, s, *rounded(w, o.epsilon, lr))


COMPILED: dict[type[Optimizer], Update] = {
    SGD: sgd,
    Momentum: momentum,
    Nesterov: nesterov,
    Adam: adam,
    AdamW: adam,
    AdaBound: adabound,
    AMSBound: adabound,
    RMSprop: rmsprop,
    Adagrad: adagrad,
}

UPDATES: Mapping[type[Optimizer], Update] = ChainMap(COMPILED, NUMPY_UPDATES)
"""An optimizer that has no loop here takes NumPy's step."""
