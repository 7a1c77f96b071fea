"""Plain PyTorch answering: the nn.Module that one would write by hand, in evaluation mode, without autograd."""

import torch

from backproof.bench.contenders.pytorch_network import Network
from backproof.bench.job import InferJob
from backproof.graph import Array, Arrays, Graph


class PyTorchPredictor:
    """`pytorch-tuned` has channels_last images; `pytorch-compiled` is the same module after torch.compile."""

    def __init__(self, job: InferJob, graph: Graph, weights: Arrays) -> None:
        torch.set_num_threads(job.threads)
        model = Network(graph).to(torch.float64 if job.dtype == "float64" else torch.float32)
        model.load(weights)
        model.eval()
        self._channels_last = job.contender == "pytorch-tuned" and len(graph.inputs[0].shape) == 4
        if self._channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._model = torch.compile(model) if job.contender == "pytorch-compiled" else model

    def __call__(self, x: Array) -> Array:
        with torch.inference_mode():
            samples = torch.from_numpy(x)
            if self._channels_last:
                samples = samples.to(memory_format=torch.channels_last)
            output: Array = self._model(samples).numpy()
            return output
