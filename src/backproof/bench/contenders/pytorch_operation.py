"""One PyTorch module on its own: NCHW, and channels_last as `pytorch-tuned`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from backproof.bench.cases import Drawn
from backproof.bench.contenders.pytorch_network import layer
from backproof.bench.job import OpJob
from backproof.graph import Array


class PyTorchOperation:
    """A module, and autograd through it alone."""

    def __init__(self, drawn: Drawn, job: OpJob) -> None:
        torch.set_num_threads(job.threads)
        (node,) = drawn.graph.nodes
        dtype = getattr(torch, job.dtype)
        self._layer = layer(node.op, [i.shape for i in drawn.graph.inputs])
        self._weights: dict[str, Tensor] = {}
        if isinstance(self._layer, nn.Module):
            self._layer.to(dtype)
            state = {local: torch.from_numpy(drawn.parameters[node.path(local)]) for local in node.parameters}
            self._layer.load_state_dict(state, strict=False)  # not strict: PyTorch also counts batches, from 0
            self._weights = {node.path(name): w for name, w in self._layer.named_parameters()}
        self.divides = bool(self._weights)
        self._xs = [torch.from_numpy(x).to(dtype) for x in drawn.inputs]
        self._dy = torch.from_numpy(drawn.dy).to(dtype)
        if job.contender == "pytorch-tuned":
            if isinstance(self._layer, nn.Module):
                self._layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._xs = [x.to(memory_format=torch.channels_last) if x.ndim == 4 else x for x in self._xs]
            if self._dy.ndim == 4:
                self._dy = self._dy.to(memory_format=torch.channels_last)
        for x in self._xs:
            x.requires_grad_()

    def forward(self) -> None:
        self._y = self._layer(*self._xs)

    def backward(self) -> None:
        wanted = [*self._xs, *self._weights.values()]
        self._gradients = torch.autograd.grad(self._y, wanted, self._dy, retain_graph=True)

    def weights(self) -> None:
        torch.autograd.grad(self._y, list(self._weights.values()), self._dy, retain_graph=True)

    def results(self) -> dict[str, Array]:
        self.forward()
        self.backward()
        names = [*(f"x{i}" for i in range(len(self._xs))), *self._weights]
        gradients = {f"gradient of {n}": g.contiguous().numpy() for n, g in zip(names, self._gradients, strict=True)}
        return {"output": self._y.detach().contiguous().numpy(), **gradients}

    def gemm(self, a: Array, b: Array) -> Callable[[], object]:
        first, second = torch.from_numpy(a), torch.from_numpy(b)
        out = torch.empty(len(a), b.shape[1])
        return lambda: torch.mm(first, second, out=out)
