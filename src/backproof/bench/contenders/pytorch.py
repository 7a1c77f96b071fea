"""Plain PyTorch, as a careful person writes it by hand: `nn.Sequential`, autograd, `torch.optim.SGD`, no DataLoader."""

import torch
from torch import Tensor, nn

from backproof.bench.workload import Workload
from backproof.errors import UserError
from backproof.graph import Op
from backproof.ops import BatchNorm, Dropout, Flatten, LeakyReLU, Linear, ReLU, Sigmoid, Tanh


def module(op: Op, inputs: int) -> nn.Module | None:
    """The PyTorch module of an operation on `inputs` features; None where there is none."""
    match op:
        case Flatten():
            return nn.Flatten()
        case Linear():
            return nn.Linear(inputs, op.out_features, bias=op.bias)
        case BatchNorm():
            return nn.BatchNorm1d(inputs, eps=op.eps, momentum=op.momentum)
        case Dropout():
            return nn.Dropout(op.p)
        case LeakyReLU():
            return nn.LeakyReLU(op.negative_slope)
        case ReLU():
            return nn.ReLU()
        case Sigmoid():
            return nn.Sigmoid()
        case Tanh():
            return nn.Tanh()
    return None


class PyTorch:
    """The same chain of layers from the same weights."""

    def __init__(self, workload: Workload, *, fused: bool) -> None:
        job = workload.job
        torch.set_num_threads(job.threads)
        self._batch_size = job.batch_size
        self._x, self._y = torch.from_numpy(workload.x), torch.from_numpy(workload.y)
        self._model = sequential(workload)
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=job.learning_rate, fused=fused)
        self._loss = nn.CrossEntropyLoss()
        self._generator = torch.Generator().manual_seed(job.seed)

    def _step(self, x: Tensor, y: Tensor) -> Tensor:
        self._optimizer.zero_grad()
        loss: Tensor = self._loss(self._model(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss

    def losses(self, steps: int) -> list[float]:
        """See `Contender.losses`."""
        n = self._batch_size
        rows = [slice(step * n, (step + 1) * n) for step in range(steps)]
        return [self._step(self._x[r], self._y[r]).item() for r in rows]

    def epoch(self, number: int) -> None:  # noqa: ARG002
        """See `Contender.epoch`."""
        order = torch.randperm(len(self._y), generator=self._generator)
        for rows in torch.split(order, self._batch_size):
            self._step(self._x[rows], self._y[rows])


def sequential(workload: Workload) -> nn.Sequential:
    """`workload.graph` as modules. Raises `UserError` for a network that is not a plain chain of known layers."""
    graph = workload.graph
    layers = nn.Sequential()
    before, width = graph.inputs[0].name, graph.inputs[0].shape.size
    for node in graph.nodes:
        if node.name == graph.loss:
            continue
        layer = module(node.op, width)
        if node.inputs != (before,) or layer is None:
            raise UserError(
                f"--contenders pytorch takes a plain chain of dense layers; "
                f"node '{node.name}' ({type(node.op).__name__}) does not fit"
            )
        state = {local: torch.from_numpy(workload.parameters[node.path(local)]) for local in node.parameters}
        layer.load_state_dict(state, strict=False)  # not strict: PyTorch also counts batches, which starts at 0
        layers.add_module(node.name.replace(".", "_"), layer)
        before, width = node.name, node.shape.size
    return layers
