"""Our optimizers against PyTorch's: steps on the same gradients from the same weights."""

import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from torch.nn import functional

from backproof.engines import Mode
from backproof.errors import UserError
from backproof.graph import Sequential, Shape
from backproof.ops import MSE, Linear, Tanh
from backproof.optim import Optimizer
from pytorch_samples.database import entry, seeded
from pytorch_samples.optimizers import OPTIMIZERS
from pytorch_samples.outcome import Outcome
from pytorch_samples.translation import UnsupportedError

STEPS = 6
CLOSE = 1e-10
"""How far a weight may be from PyTorch's after any step, relative to the largest of its parameter."""

GRAPH = Sequential(("fc1", Linear(3)), ("tanh", Tanh()), ("fc2", Linear(2))).build(Shape("N", 4)).with_loss(MSE())
RNG = np.random.default_rng(0)
WEIGHTS = {name: RNG.standard_normal(spec.shape) for name, spec in GRAPH.parameters.items()}
BATCHES = [{"x": RNG.standard_normal((5, 4)), "y": RNG.standard_normal((5, 2))} for _ in range(STEPS)]


@dataclass(frozen=True)
class Steps:
    """An input of optim_db that is supported: what it says, our optimizer, and PyTorch's weights after each step."""

    name: str
    optimizer: Optimizer
    weights: list[dict[str, np.ndarray]]


@cache
def of_optimizer(name):
    """The outcome of an entry of optim_db."""
    info = entry("optimizers", name)
    translate = OPTIMIZERS[name]
    compared, unsupported, errors = [], Counter(), []
    inputs = seeded(partial(info.optim_inputs_func, "cpu"))
    for i in inputs:
        options = {k: v.item() if isinstance(v, torch.Tensor) else v for k, v in i.kwargs.items()}
        try:
            optimizer = translate(**options)
        except UnsupportedError as error:
            unsupported[str(error)] += 1
        else:
            compared.append(Steps(f"{name}, {i.desc}", optimizer, weights(partial(info.optim_cls, **i.kwargs))))
    for e in seeded(partial(info.optim_error_inputs_func, "cpu", torch.float64)):
        wrong = e.optimizer_error_input
        try:
            errors.append("lists of parameters" if wrong.params is not None else translate(**wrong.kwargs))
        except UserError:
            errors.append(None)
    return Outcome(len(inputs), tuple(compared), unsupported, tuple(errors))


def weights(make):
    """PyTorch's weights after each step of the optimizer that `make` makes of them."""
    w = {name: torch.tensor(value, requires_grad=True) for name, value in WEIGHTS.items()}
    optimizer = make(list(w.values()))
    found = []
    for batch in BATCHES:
        x, y = (torch.from_numpy(batch[name]) for name in ("x", "y"))
        h = torch.tanh(functional.linear(x, w["fc1.weight"], w["fc1.bias"]))
        optimizer.zero_grad()
        functional.mse_loss(functional.linear(h, w["fc2.weight"], w["fc2.bias"]), y).backward()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer.step()
        found.append({name: value.detach().numpy().copy() for name, value in w.items()})
    return found


def differences(engine, steps):
    """Sentences on what is wrong with the engine's steps; none if nothing is."""
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    wrong = []
    for step, (batch, right) in enumerate(zip(BATCHES, steps.weights, strict=True)):
        trainer.train_step(batch, steps.optimizer, Mode(training=True, step=step))
        for name, ours in trainer.parameters().items():
            apart = np.max(np.abs(ours - right[name])) / np.max(np.abs(right[name]))
            if not apart <= CLOSE:
                wrong.append(f"{steps.name}: {name} is off by {apart:.2e} after step {step + 1}")
    return wrong
