"""A user's expression in PyTorch, differentiated by autograd: an independent reference for what they wrote by hand."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backproof.graph import Array, Arrays

OpExpression = Callable[[Any, tuple[Tensor, ...], dict[str, Tensor]], Tensor]
"""(operation, inputs, parameters by local name) -> output."""

OptimizerExpression = Callable[[Any, list[Tensor]], torch.optim.Optimizer]
"""(optimizer, parameters) -> PyTorch's optimizer on them."""


def differentiate(
    expression: OpExpression,
    op: object,
    inputs: Sequence[Array],
    parameters: Arrays,
    slope: Callable[[Array], Array],
) -> tuple[Array, list[Array | None], dict[str, Array | None]]:
    """Output, and the gradients of the inputs (None: labels) and parameters, all in float64.

    `slope` gives the gradient of the output, which is passed to it.
    """
    xs = tuple(torch.tensor(np.array(x), requires_grad=x.dtype.kind == "f") for x in inputs)
    p = {name: torch.tensor(np.array(value), requires_grad=True) for name, value in parameters.items()}
    y = expression(op, xs, p)
    found = y.detach().numpy().copy()
    y.backward(torch.tensor(slope(found)))  # type: ignore[no-untyped-call]

    def gradient(x: Tensor) -> Array | None:
        return None if x.grad is None else x.grad.numpy().copy()

    return found, [gradient(x) for x in xs], {n: gradient(x) for n, x in p.items()}


def weights_after(
    expression: OptimizerExpression, optimizer: Any, start: Array, gradients: Sequence[Array]
) -> list[Array]:
    """The weights after each step of PyTorch's optimizer on the given gradients, in float64, by the same schedule."""
    w = torch.tensor(np.array(start), requires_grad=True)
    theirs = expression(optimizer, [w])
    rates = [group["lr"] for group in theirs.param_groups]
    found = []
    for step, g in enumerate(gradients):
        for group, rate in zip(theirs.param_groups, rates, strict=True):
            group["lr"] = rate * optimizer.schedule.factor(step)
        w.grad = torch.tensor(np.array(g))
        theirs.step()
        found.append(w.detach().numpy().copy())
    return found
