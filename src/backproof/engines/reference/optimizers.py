"""Every optimizer's formula, for one scalar weight or for all of an array. In plain words: `backproof.optim`."""

from collections import ChainMap
from collections.abc import Callable

from numpy import maximum, minimum, sqrt

from backproof.engines import custom
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

Update = Callable[..., tuple[float, ...]]
"""(optimizer, w, g, lr, t, *slots) -> (w, *slots), where t counts steps from 1."""

UPDATES: ChainMap[type[Optimizer], Update] = custom.chain({}, custom.UPDATES["numpy"])
"""The update of every optimizer that the engine knows."""


def updates(*optimizers: type[Optimizer]) -> Callable[[Update], Update]:
    """Decorator: enter an update into the table."""

    def register(update: Update) -> Update:
        UPDATES.update(dict.fromkeys(optimizers, update))
        return update

    return register


@updates(SGD)
def sgd(o: SGD, w: float, g: float, lr: float, t: int) -> tuple[float, ...]:
    """Against the gradient."""
    w = w - lr * g
    return (w,)


@updates(Momentum)
def momentum(o: Momentum, w: float, g: float, lr: float, t: int, v: float) -> tuple[float, ...]:
    """Along the velocity."""
    v = o.momentum * v + o.share(t) * g
    w = w - lr * v
    return w, v


@updates(Nesterov)
def nesterov(o: Nesterov, w: float, g: float, lr: float, t: int, v: float) -> tuple[float, ...]:
    """Along the velocity that comes next."""
    v = o.momentum * v + g
    w = w - lr * (g + o.momentum * v)
    return w, v


@updates(Adam, AdamW)
def adam(o: Adam, w: float, g: float, lr: float, t: int, m: float, v: float) -> tuple[float, ...]:
    """Mean over root mean square, both corrected for starting at 0."""
    m = o.beta1 * m + (1 - o.beta1) * g
    v = o.beta2 * v + (1 - o.beta2) * g**2
    w = w - lr * m / (1 - o.beta1**t) / (sqrt(v / (1 - o.beta2**t)) + o.epsilon)
    return w, m, v


@updates(AMSGrad)
def amsgrad(o: AMSGrad, w: float, g: float, lr: float, t: int, m: float, v: float, v_max: float) -> tuple[float, ...]:
    """Adam on the largest v so far."""
    m = o.beta1 * m + (1 - o.beta1) * g
    v = o.beta2 * v + (1 - o.beta2) * g**2
    v_max = maximum(v_max, v)
    w = w - lr * m / (1 - o.beta1**t) / (sqrt(v_max / (1 - o.beta2**t)) + o.epsilon)
    return w, m, v, v_max


def bounded_rate(o: AdaBound, lr: float, t: int, v: float) -> float:
    """η: Adam's rate, held between bounds that close in on SGD's."""
    final = o.final_lr * lr / o.lr if o.lr else 0.0
    lower = final * (1 - 1 / (o.gamma * t + 1))
    upper = final * (1 + 1 / (o.gamma * t))
    rate: float = minimum(maximum(lr * sqrt(1 - o.beta2**t) / (1 - o.beta1**t) / (sqrt(v) + o.epsilon), lower), upper)
    return rate


@updates(AdaBound)
def adabound(o: AdaBound, w: float, g: float, lr: float, t: int, m: float, v: float) -> tuple[float, ...]:
    """Adam that turns into SGD."""
    m = o.beta1 * m + (1 - o.beta1) * g
    v = o.beta2 * v + (1 - o.beta2) * g**2
    w = w - bounded_rate(o, lr, t, v) * m
    return w, m, v


@updates(AMSBound)
def amsbound(o: AMSBound, w: float, g: float, lr: float, t: int, m: float, v: float, v_max: float) -> tuple[float, ...]:
    """AdaBound on the largest v so far."""
    m = o.beta1 * m + (1 - o.beta1) * g
    v = o.beta2 * v + (1 - o.beta2) * g**2
    v_max = maximum(v_max, v)
    w = w - bounded_rate(o, lr, t, v_max) * m
    return w, m, v, v_max


@updates(RMSprop)
def rmsprop(o: RMSprop, w: float, g: float, lr: float, t: int, v: float) -> tuple[float, ...]:
    """Gradient over its root mean square."""
    v = o.alpha * v + (1 - o.alpha) * g**2
    w = w - lr * g / (sqrt(v) + o.epsilon)
    return w, v


@updates(CenteredRMSprop)
def centered(
    o: CenteredRMSprop, w: float, g: float, lr: float, t: int, v: float, m: float, u: float
) -> tuple[float, ...]:
    """Gradient over its standard deviation, with momentum."""
    v = o.alpha * v + (1 - o.alpha) * g**2
    m = o.alpha * m + (1 - o.alpha) * g
    u = o.momentum * u + g / (sqrt(maximum(v - m**2, 0.0)) + o.epsilon)
    w = w - lr * u
    return w, v, m, u


@updates(Adagrad)
def adagrad(o: Adagrad, w: float, g: float, lr: float, t: int, s: float) -> tuple[float, ...]:
    """Gradient over the root of the sum of all squares so far."""
    s = s + g**2
    w = w - lr * g / (sqrt(s) + o.epsilon)
    return w, s
