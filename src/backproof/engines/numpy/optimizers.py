"""Optimizer steps over the flat parameters, in blocks that stay in the second-level cache.

Each function is one optimizer's formula (see its declaration in `backproof.optim`) on one block: weights `w`,
gradient `g`, state arrays, the rate `lr`, the step `t` from 1, and a scratch block. The gradient has served when
it has been used, so its block is overwritten: one stream of memory less. Scalars that do not depend on the element
are worked out first.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import numpy as np

from backproof.engines import custom
from backproof.engines.custom import Adapted
from backproof.engines.numpy.workspace import Pool
from backproof.graph import Array
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

Update = Callable[[Any, Array, Array, list[Array], float, int, Array], None]

Block = tuple[Array, Array, list[Array], Array]
"""Weights, gradient, state arrays and scratch that are worked on together."""


def sgd(o: SGD, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """w ← w - lr g."""
    g *= lr
    w -= g


def momentum(o: Momentum, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """v ← μ v + (1 - d) g,   w ← w - lr v."""
    (v,) = state
    v *= o.momentum
    if o.dampening:
        g *= o.share(t)
    v += g
    np.multiply(v, lr, out=g)
    w -= g


def nesterov(o: Nesterov, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """v ← μ v + g,   w ← w - lr (g + μ v)."""
    (v,) = state
    v *= o.momentum
    v += g
    np.multiply(v, o.momentum, out=scratch)
    g += scratch
    g *= lr
    w -= g


def _moments(o: Adam, g: Array, m: Array, v: Array, scratch: Array) -> None:
    """m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²."""
    m *= o.beta1
    np.multiply(g, 1 - o.beta1, out=scratch)
    m += scratch
    v *= o.beta2
    g *= g
    g *= 1 - o.beta2
    v += g


def adam(o: Adam, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """w ← w - lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε).

    Numerator and denominator are both multiplied by c = √(1 - β₂ᵗ), which saves a pass:
    w ← w - (lr c / (1 - β₁ᵗ)) · m / (√v + ε c).   AMSGrad takes max v for v.
    """
    m, v = state[:2]
    _moments(o, g, m, v, scratch)
    if isinstance(o, AMSGrad):
        v = np.maximum(state[2], v, out=state[2])
    c = sqrt(1 - o.beta2**t)
    np.sqrt(v, out=scratch)
    scratch += o.epsilon * c
    np.divide(m, scratch, out=scratch)
    scratch *= lr * c / (1 - o.beta1**t)
    w -= scratch


def adabound(o: AdaBound, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """η = clip(lr √(1 - β₂ᵗ) / (1 - β₁ᵗ) / (√v + ε), lower, upper),   w ← w - η m.   AMSBound takes max v for v."""
    m, v = state[:2]
    _moments(o, g, m, v, scratch)
    if isinstance(o, AMSBound):
        v = np.maximum(state[2], v, out=state[2])
    final = o.final_lr * lr / o.lr if o.lr else 0.0
    lower = final * (1 - 1 / (o.gamma * t + 1))
    upper = final * (1 + 1 / (o.gamma * t))
    np.sqrt(v, out=scratch)
    scratch += o.epsilon
    np.divide(lr * sqrt(1 - o.beta2**t) / (1 - o.beta1**t), scratch, out=scratch)
    np.clip(scratch, lower, upper, out=scratch)
    scratch *= m
    w -= scratch


def rmsprop(o: RMSprop, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """v ← α v + (1 - α) g²,   w ← w - lr g / (√v + ε)."""
    (v,) = state
    v *= o.alpha
    np.multiply(g, g, out=scratch)
    scratch *= 1 - o.alpha
    v += scratch
    np.sqrt(v, out=scratch)
    scratch += o.epsilon
    np.divide(g, scratch, out=scratch)
    scratch *= lr
    w -= scratch


def centered(o: CenteredRMSprop, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """v, m ← means of g² and g,   u ← μ u + g / (√(v - m²) + ε),   w ← w - lr u."""
    v, m, u = state
    v *= o.alpha
    np.multiply(g, g, out=scratch)
    scratch *= 1 - o.alpha
    v += scratch
    m *= o.alpha
    np.multiply(g, 1 - o.alpha, out=scratch)
    m += scratch
    np.multiply(m, m, out=scratch)
    np.subtract(v, scratch, out=scratch)
    np.maximum(scratch, 0, out=scratch)
    np.sqrt(scratch, out=scratch)
    scratch += o.epsilon
    g /= scratch
    u *= o.momentum
    u += g
    np.multiply(u, lr, out=scratch)
    w -= scratch


def adagrad(o: Adagrad, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
    """s ← s + g²,   w ← w - lr g / (√s + ε)."""
    (s,) = state
    np.multiply(g, g, out=scratch)
    s += scratch
    np.sqrt(s, out=scratch)
    scratch += o.epsilon
    np.divide(g, scratch, out=scratch)
    scratch *= lr
    w -= scratch


def blockwise(kind: type[Optimizer], written: Callable[..., tuple[Any, ...]]) -> Update:
    """A user's update on a block. What it returns may be an array that it was given, so all is copied first."""

    def update(o: Optimizer, w: Array, g: Array, state: list[Array], lr: float, t: int, scratch: Array) -> None:
        made = [np.array(new) for new in written(o, w, g, lr, t, *state)]
        for array, new in zip((w, *state), made, strict=True):
            array[...] = new

    return update


OWN: dict[type[Optimizer], Update] = {
    SGD: sgd,
    Momentum: momentum,
    Nesterov: nesterov,
    Adam: adam,
    AdamW: adam,
    AMSGrad: adam,
    AdaBound: adabound,
    AMSBound: adabound,
    RMSprop: rmsprop,
    CenteredRMSprop: centered,
    Adagrad: adagrad,
}

CUSTOM = Adapted(custom.UPDATES["numpy"], blockwise)

UPDATES = custom.chain(OWN, CUSTOM)


def cut(w: Array, g: Array, state: list[Array], pool: Pool, ways: set[str]) -> list[Block]:
    """The flat parameters in blocks of `optimizer_elements` of all arrays.

    Cut once: doing so at every step takes as long as the update of a small network.
    """
    size = max(1, pool.tuning.optimizer_elements // (2 + len(state)))
    if w.size <= size:
        ways.add("one block")
    else:
        ways.add("several blocks, the last smaller" if w.size % size else "several blocks")
    scratch = pool.scratch("optimizer", (min(size, w.size),))
    blocks = []
    for start in range(0, w.size, size):
        block = slice(start, min(start + size, w.size))
        blocks.append((w[block], g[block], [slot[block] for slot in state], scratch[: block.stop - start]))
    return blocks


def step(
    optimizer: Optimizer,
    update: Update,
    w: Array,
    decayed: slice,
    blocks: Sequence[Block],
    step_index: int,
    sweep: int,
    ways: set[str],
) -> None:
    """One step over the flat parameters `w` by the optimizer's `update`, block by block.

    Coupled decay is in the gradient already. Decoupled decay, w ← w - lr λ w on the `decayed` slice, comes first. After
    every `sweep` steps the state is swept out.
    """
    lr = optimizer.rate(step_index)
    if optimizer.weight_decay and optimizer.decay == "decoupled":
        ways.add("decoupled decay")
        w[decayed] *= 1 - lr * optimizer.weight_decay
    for weights, gradient, state, scratch in blocks:
        update(optimizer, weights, gradient, state, lr, step_index + 1, scratch)
    if (step_index + 1) % sweep == 0:
        ways.add("faded state set to 0")
        for _, _, state, scratch in blocks:
            for slot in state:
                sweep_out(slot, scratch)


def sweep_out(slot: Array, scratch: Array) -> None:
    """Set to 0 what is smaller than the smallest normal number of its dtype, 1e-38 in float32.

    The mean gradient of a unit that never fires again shrinks by β a step and, rounded, stops at the smallest number
    there is: a denormal one, with which processors compute a hundred times slower. A quarter of a small network's
    units dead made its steps three times as long.
    """
    np.absolute(slot, out=scratch)
    np.multiply(slot, scratch >= np.finfo(slot.dtype).tiny, out=slot)
