"""A network with its weights, computed in plain loops."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import ClassVar

import numpy as np

from backproof.engines.base import EVALUATION, DType, Gradients, Mode, StepResult, Watch
from backproof.engines.inputs import (
    asked_for,
    batch_size,
    check_gradients,
    check_optimizer_state,
    check_parameters,
    in_dtype,
)
from backproof.engines.kernel import Call, Kernels, require_kernels, require_update
from backproof.engines.reference.kernels import KERNELS
from backproof.engines.reference.optimizers import UPDATES, Update
from backproof.engines.reference.vectorised import VECTORISED
from backproof.engines.sweep import Sweep
from backproof.graph import Array, Arrays, Graph, Node
from backproof.optim import Optimizer


class ReferenceTrainer:
    """See `backproof.engines.base.Trainer`. Float inputs of any dtype are computed with as float64.

    An engine that inherits this one brings a trainer with tables of its own.

    Attributes:
        engine: the engine's name, for messages.
        kernels: what computes each class of operation.
        updates: what computes each class of optimizer.
        sweep: what carries values forward and gradients back.
        copies_inputs: whether a kernel that writes to what it takes leaves the caller's arrays alone.
    """

    engine: ClassVar[str] = "reference"
    kernels: ClassVar[Kernels] = KERNELS
    updates: ClassVar[Mapping[type[Optimizer], Update]] = UPDATES
    sweep: ClassVar[Callable[..., Sweep]] = Sweep
    copies_inputs: ClassVar[bool] = True

    def __init__(self, graph: Graph, parameters: Arrays) -> None:
        require_kernels(self.engine, self.kernels, graph)
        self.graph = graph
        self.dtype: DType = "float64"
        self._trainable = [name for name, spec in graph.parameters.items() if spec.trainable]
        self._optimizer: type[Optimizer] | None = None
        self._slots: dict[str, Array] = {}
        self.load(parameters)

    def forward(self, inputs: Arrays, mode: Mode = EVALUATION, want: Collection[str] = ()) -> dict[str, Array]:
        with_loss, names = asked_for(self.graph, inputs, want)
        sweep, _ = self._forward(inputs, mode, with_loss=with_loss)
        return {name: sweep.value(name).copy() for name in names}

    def gradients(self, inputs: Arrays, mode: Mode, optimizer: Optimizer | None = None) -> Gradients:
        sweep, gradients = self._forward(inputs, mode, with_loss=True)
        of_inputs = sweep.backward()
        return Gradients(
            loss=self._loss(sweep),
            penalty=self._add_penalty(gradients, optimizer) if optimizer is not None else 0.0,
            output=sweep.value(self.graph.output).copy(),
            parameters=gradients,
            inputs={name: gradient.copy() for name, gradient in of_inputs.items()},
            state=sweep.state(),
        )

    def apply(self, gradients: Gradients, optimizer: Optimizer, mode: Mode) -> None:
        check_gradients(self.graph, gradients)
        self._update(gradients.parameters, gradients.state, optimizer, mode.step)

    def train_step(self, inputs: Arrays, optimizer: Optimizer, mode: Mode, watch: Watch | None = None) -> StepResult:
        sweep, gradients = self._forward(inputs, mode, with_loss=True, watch=watch)
        sweep.backward(watch)
        penalty = self._add_penalty(gradients, optimizer)
        self._update(gradients, sweep.state(), optimizer, mode.step)
        return StepResult(self._loss(sweep), penalty, sweep.value(self.graph.output))

    def parameters(self) -> dict[str, Array]:
        return {name: value.copy() for name, value in self._parameters.items()}

    def load(self, parameters: Arrays) -> None:
        check_parameters(self.graph, parameters)
        self._parameters = {name: np.array(parameters[name], np.float64) for name in self.graph.parameters}

    def optimizer_state(self) -> dict[str, Array]:
        return {name: value.copy() for name, value in self._slots.items()}

    def load_optimizer_state(self, optimizer: Optimizer, state: Arrays) -> None:
        require_update(self.engine, self.updates, optimizer)
        if state:
            check_optimizer_state(self.graph, optimizer, state)
            slots = {name: np.array(value, np.float64) for name, value in state.items()}
        else:
            slots = {
                f"{slot}/{name}": np.full(self._parameters[name].shape, optimizer.initial_slot(slot))
                for slot in optimizer.slots
                for name in self._trainable
            }
        self._optimizer, self._slots = type(optimizer), slots

    def _forward(
        self, inputs: Arrays, mode: Mode, *, with_loss: bool, watch: Watch | None = None
    ) -> tuple[Sweep, dict[str, Array]]:
        """A fresh sweep, run forward, and the zeros that its backward will fill with gradients."""
        samples = batch_size(self.graph, inputs, targets=with_loss)
        given = in_dtype(self.graph, inputs, np.float64)
        if self.copies_inputs:
            given = {name: x.copy() if x is inputs[name] else x for name, x in given.items()}
        gradients = {name: np.zeros(self._parameters[name].shape) for name in self._trainable}
        sweep = self.sweep(
            self.graph,
            self.kernels,
            self._parameters,
            gradients,
            partial(_call, samples),
            with_loss=with_loss,
            input_gradients=True,
        )
        sweep.forward(given, mode, watch)
        return sweep, gradients

    def _loss(self, sweep: Sweep) -> float:
        assert self.graph.loss is not None
        return float(sweep.value(self.graph.loss))

    def _add_penalty(self, gradients: Arrays, optimizer: Optimizer) -> float:
        """Coupled weight decay: add λ w to the gradients and return λ/2 Σ w²."""
        penalty = 0.0
        for name in self._trainable:
            if optimizer.l2 and optimizer.decays(self.graph.parameters[name]):
                w = self._parameters[name]
                for i in np.ndindex(w.shape):
                    gradients[name][i] += optimizer.l2 * w[i]
                    penalty += optimizer.l2 / 2 * float(w[i]) ** 2
        return penalty

    def _update(self, gradients: Arrays, state: Arrays, optimizer: Optimizer, step: int) -> None:
        """One step of the optimizer; `state` is kept as it is."""
        if type(optimizer) is not self._optimizer:
            self.load_optimizer_state(optimizer, {})
        for name in self._trainable:
            self._step(name, gradients[name], optimizer, step)
        for name, moved in state.items():
            self._parameters[name][...] = moved

    def _step(self, name: str, gradient: Array, optimizer: Optimizer, step: int) -> None:
        """The step of one parameter and of its slots."""
        update = self.updates[type(optimizer)]
        lr, t = optimizer.rate(step), step + 1
        w, g, slots = self._parameters[name], gradient, [self._slots[f"{slot}/{name}"] for slot in optimizer.slots]
        shrinks = self._shrinks(name, optimizer)
        for i in np.ndindex(w.shape):
            if shrinks:
                w[i] = w[i] - lr * optimizer.weight_decay * w[i]
            w[i], *values = update(optimizer, w[i], g[i], lr, t, *(slot[i] for slot in slots))
            for slot, value in zip(slots, values, strict=True):
                slot[i] = value

    def _shrinks(self, name: str, optimizer: Optimizer) -> bool:
        """Whether decoupled weight decay applies."""
        return optimizer.decay == "decoupled" and optimizer.decays(self.graph.parameters[name])


def _call(samples: int, node: Node, wants: tuple[bool, ...]) -> Call:
    return Call(node.name, wants, samples=samples)


class VectorisedTrainer(ReferenceTrainer):
    """The same over whole arrays."""

    kernels: ClassVar[Kernels] = VECTORISED
    copies_inputs: ClassVar[bool] = False  # of a large network they take memory

    def _add_penalty(self, gradients: Arrays, optimizer: Optimizer) -> float:
        """Coupled weight decay: add λ w to the gradients and return λ/2 Σ w²."""
        decayed = [name for name in self._trainable if optimizer.decays(self.graph.parameters[name])]
        for name in decayed:
            gradients[name][...] = gradients[name] + optimizer.l2 * self._parameters[name]
        return optimizer.l2 / 2 * sum(float(np.sum(np.square(self._parameters[name]))) for name in decayed)

    def _step(self, name: str, gradient: Array, optimizer: Optimizer, step: int) -> None:
        w, slots = self._parameters[name], [self._slots[f"{slot}/{name}"] for slot in optimizer.slots]
        lr = optimizer.rate(step)
        before = w * (1 - lr * optimizer.weight_decay) if self._shrinks(name, optimizer) else w
        made = self.updates[type(optimizer)](optimizer, before, gradient, lr, step + 1, *slots)
        for array, moved in zip((w, *slots), made, strict=True):
            array[...] = moved
