"""A network with its weights, computed by PyTorch."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import Tensor

from backproof.engines.base import EVALUATION, DType, Gradients, Mode, StepResult, Watch
from backproof.engines.inputs import (
    asked_for,
    batch_size,
    check_gradients,
    check_optimizer_state,
    check_parameters,
    in_dtype,
    samples_of,
)
from backproof.engines.torch.kernels import KERNELS
from backproof.engines.torch.kernels.table import Call
from backproof.engines.torch.optimizers import Updater, decayed, penalty
from backproof.graph import Array, Arrays, Graph, Node
from backproof.optim import Optimizer

DTYPES: dict[DType, torch.dtype] = {"float32": torch.float32, "float64": torch.float64}


class TorchTrainer:
    """See `backproof.engines.base.Trainer`. Float inputs of another dtype are converted."""

    def __init__(self, graph: Graph, parameters: Arrays, dtype: DType, device: torch.device) -> None:
        self.graph = graph
        self.dtype = dtype
        self._device = device
        check_parameters(graph, parameters)
        self._tensors = {
            name: torch.tensor(
                np.array(parameters[name], order="C"), dtype=DTYPES[dtype], device=device, requires_grad=spec.trainable
            )
            for name, spec in graph.parameters.items()
        }
        self._weights = {name: w for name, w in self._tensors.items() if w.requires_grad}
        self._nodes = [
            (node, KERNELS[type(node.op)], {local: self._tensors[node.path(local)] for local in node.parameters})
            for node in graph.nodes
        ]
        self._updater: Updater | None = None

    def forward(self, inputs: Arrays, mode: Mode = EVALUATION, want: Collection[str] = ()) -> dict[str, Array]:
        with_loss, names = asked_for(self.graph, inputs, want)
        with torch.no_grad():
            values = self._forward(self._enter(inputs, with_loss), mode, with_loss, self._copies(mode))
        return {name: _own(values[name]) for name in names}

    def gradients(self, inputs: Arrays, mode: Mode, optimizer: Optimizer | None = None) -> Gradients:
        entered = self._enter(inputs, with_loss=True)
        of = self._weights | {i.name: entered[i.name].requires_grad_() for i in self.graph.inputs if i.kind == "float"}
        state = self._copies(mode)
        values = self._forward(entered, mode, True, state)
        loss = values[self._loss]
        found = (
            torch.autograd.grad(loss, list(of.values()), allow_unused=True) if loss.requires_grad else [None] * len(of)
        )
        gradients = {
            name: torch.zeros_like(x) if gradient is None else gradient
            for (name, x), gradient in zip(of.items(), found, strict=True)
        }
        if optimizer is not None and optimizer.l2:
            for name, w in decayed(optimizer, self._weights, self.graph.parameters).items():
                gradients[name] = gradients[name].add(w, alpha=optimizer.l2)
        return Gradients(
            loss=loss.item(),
            penalty=penalty(optimizer, decayed(optimizer, self._weights, self.graph.parameters).values())
            if optimizer
            else 0.0,
            output=_own(values[self.graph.output]),
            parameters={name: _own(gradients[name]) for name in self._weights},
            inputs={name: _own(gradients[name]) for name in gradients if name not in self._weights},
            state={name: _own(value) for name, value in state.items()},
        )

    def apply(self, gradients: Gradients, optimizer: Optimizer, mode: Mode) -> None:
        check_gradients(self.graph, gradients)
        updater = self._require_updater(optimizer)
        for name, w in self._weights.items():
            w.grad = torch.tensor(np.array(gradients.parameters[name], order="C"), dtype=w.dtype, device=w.device)
        for name, value in gradients.state.items():
            self._tensors[name].copy_(torch.tensor(np.array(value, order="C")))
        updater.update(mode.step)

    def train_step(self, inputs: Arrays, optimizer: Optimizer, mode: Mode, watch: Watch | None = None) -> StepResult:
        updater = self._require_updater(optimizer)
        values = self._forward(self._enter(inputs, with_loss=True), mode, True, {})
        if watch is not None:
            for node in self.graph.nodes:
                value = values[node.name]
                if value.requires_grad:
                    value.retain_grad()
                watch(node.name, "forward", _view(value))
        loss = values[self._loss]
        for w in self._weights.values():
            w.grad = None
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        for w in self._weights.values():
            if w.grad is None:  # a branch that the loss does not see
                w.grad = torch.zeros_like(w)
        if watch is not None:
            for node in reversed(self.graph.nodes):
                gradient = values[node.name].grad if values[node.name].requires_grad else None
                if gradient is not None:
                    watch(node.name, "backward", _view(gradient))
        before = updater.penalty()  # of the weights that the loss was computed with
        updater.couple()
        updater.update(mode.step)
        return StepResult(loss.item(), before, _view(values[self.graph.output]))

    def parameters(self) -> dict[str, Array]:
        return {name: _own(value) for name, value in self._tensors.items()}

    def load(self, parameters: Arrays) -> None:
        check_parameters(self.graph, parameters)
        with torch.no_grad():
            for name, value in self._tensors.items():
                value.copy_(torch.tensor(np.array(parameters[name], order="C")))

    def optimizer_state(self) -> dict[str, Array]:
        return {name: _own(value) for name, value in self._updater.slots().items()} if self._updater else {}

    def load_optimizer_state(self, optimizer: Optimizer, state: Arrays) -> None:
        if state:
            check_optimizer_state(self.graph, optimizer, state)
        self._updater = Updater(optimizer, self._weights, self.graph.parameters, state)

    def _require_updater(self, optimizer: Optimizer) -> Updater:
        """The updater of `optimizer`; its state goes on as long as the kind of optimizer is the same."""
        current = self._updater
        if current is None or type(current.optimizer) is not type(optimizer):
            self.load_optimizer_state(optimizer, {})
        elif current.optimizer is not optimizer and current.optimizer != optimizer:
            self.load_optimizer_state(optimizer, self.optimizer_state())
        assert self._updater is not None
        return self._updater

    @property
    def _loss(self) -> str:
        assert self.graph.loss is not None
        return self.graph.loss

    def _enter(self, inputs: Arrays, with_loss: bool) -> dict[str, Tensor]:
        """The inputs as tensors: the caller's memory where it can be used as it is."""
        batch_size(self.graph, inputs, targets=with_loss)
        return {name: self._tensor(x) for name, x in in_dtype(self.graph, inputs, self.dtype).items()}

    def _tensor(self, array: Array) -> Tensor:
        # PyTorch borrows only what is writeable and in order; a stride may be negative where there is one element.
        if not array.flags.carray or min(array.strides, default=0) < 0:
            array = np.array(array, order="C")
        return torch.from_numpy(array).to(self._device)

    def _copies(self, mode: Mode) -> dict[str, Tensor]:
        """Copies of the running statistics, for a pass in training mode that must not move them."""
        if not mode.training:
            return {}
        return {name: self._tensors[name].clone() for name in self.graph.statistics}

    def _forward(
        self, values: dict[str, Tensor], mode: Mode, with_loss: bool, state: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Add every node's value to `values`; tensors in `state` stand in for the trainer's own."""
        samples = samples_of(self.graph, values)
        for node, kernel, own in self._nodes:
            if with_loss or node.name not in self.graph.loss_nodes:
                p = _instead(node, own, state) if state else own
                values[node.name] = kernel(
                    node.op,
                    tuple([values[name] for name in node.inputs]),
                    p,
                    Call(node.name, mode, samples, DTYPES[self.dtype]),
                )
        return values


def _instead(node: Node, own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {local: state.get(node.path(local), tensor) for local, tensor in own.items()}


def _view(value: Tensor) -> Array:
    return value.detach().cpu().numpy()


def _own(value: Tensor) -> Array:
    return np.array(_view(value))
