"""Plain PyTorch, as a careful person writes it by hand: an nn.Module, autograd, `torch.optim`, no DataLoader."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from backproof.bench.contenders.pytorch_network import Network
from backproof.bench.job import TrainJob
from backproof.bench.workload import Workload
from backproof.graph import Array, Graph
from backproof.optim import OPTIMIZERS, Adam, Momentum, Nesterov, Optimizer


class PyTorch:
    """The same network from the same weights. `pytorch-tuned` has channels_last images and the fused optimizer."""

    def __init__(self, job: TrainJob, graph: Graph, workload: Workload) -> None:
        torch.set_num_threads(job.threads)
        tuned = job.contender == "pytorch-tuned"
        self._batch_size = job.batch_size
        self._x, self._y = torch.from_numpy(workload.x), torch.from_numpy(workload.y)
        self._model = Network(graph)
        if job.dtype == "float64":
            self._model.double()
        self._model.load(workload.draw_parameters())
        if tuned and self._x.ndim == 4:
            self._model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._x = self._x.to(memory_format=torch.channels_last)
        self._optimizer = optimizer(OPTIMIZERS[job.optimizer](), self._model, fused=tuned)
        self._loss = nn.CrossEntropyLoss()
        self._generator = torch.Generator().manual_seed(job.seed)

    def first_batch(self) -> tuple[Tensor, Tensor]:
        return self._x[: self._batch_size], self._y[: self._batch_size]

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:  # noqa: ARG002
        order = torch.randperm(len(self._y), generator=self._generator)
        return ((self._x[rows], self._y[rows]) for rows in torch.split(order, self._batch_size))

    def step(self, batch: tuple[Tensor, Tensor]) -> float:
        x, y = batch
        self._optimizer.zero_grad()
        loss: Tensor = self._loss(self._model(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.item()

    def gradients(self, batch: tuple[Tensor, Tensor]) -> dict[str, Array]:
        x, y = batch
        state = {name: value.clone() for name, value in self._model.state_dict().items()}  # running statistics move
        output = self._model(x)
        self._optimizer.zero_grad()
        self._loss(output, y).backward()
        self._model.load_state_dict(state)
        gradients = {name: w.grad for name, w in self._model.parameters_by_path().items()}
        named = {f"gradient of {name}": g.contiguous().numpy() for name, g in gradients.items() if g is not None}
        return {"output": output.detach().numpy(), **named}


def optimizer(o: Optimizer, model: nn.Module, *, fused: bool) -> torch.optim.Optimizer:
    """PyTorch's form of one of `TRAINED_BY`."""
    weights = model.parameters()
    if isinstance(o, Adam):
        return torch.optim.Adam(weights, lr=o.lr, betas=(o.beta1, o.beta2), eps=o.epsilon, fused=fused)
    momentum = o.momentum if isinstance(o, Momentum | Nesterov) else 0.0
    return torch.optim.SGD(weights, lr=o.lr, momentum=momentum, nesterov=isinstance(o, Nesterov), fused=fused)
