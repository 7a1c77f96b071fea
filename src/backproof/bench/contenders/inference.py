"""What is timed when a library answers, whichever it is: bytes of images in, the likeliest classes out."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np

import backproof.ops  # noqa: F401  (the operations that the network's file names)
from backproof.bench.job import InferJob
from backproof.engines import get_engine
from backproof.errors import UserError
from backproof.graph import Array, Arrays, Graph
from backproof.interchange import read_weights

SECONDS = 0.4
"""How long a round goes on, at least."""

PASSES = (3, 1000)
"""Passes a round, at least and at most."""


class Predicting(Protocol):
    """A library that has the network and its weights."""

    def __call__(self, x: Array) -> Array:
        """The output for samples as the network takes them."""
        ...


MakePredicting = Callable[[InferJob, Graph, Arrays], Predicting]


class Inference:
    """A contender that answers. Everybody gets the same bytes, and turns them into numbers in the same way."""

    def __init__(self, job: InferJob, make: MakePredicting) -> None:
        graph = Graph.from_json(Path(job.graph).read_text())
        self._shape = graph.inputs[0].shape.bind(job.batch_size)
        if self._shape[0] != job.batch_size:
            raise UserError(f"model '{job.model}' takes {self._shape[0]} samples at once, not {job.batch_size}")
        self._dtype = job.dtype
        self._predict = make(job, graph, read_weights(job.weights))
        rng = np.random.default_rng(job.seed)
        batch, *sample = self._shape
        shape = (batch, *sample[1:], sample[0]) if len(sample) == 3 else self._shape  # (N, H, W, C), as files hold it
        self._images = rng.integers(0, 256, shape, dtype=np.uint8)

    def _samples(self) -> Array:
        """Bytes as numbers of 0..1, and images channels first."""
        x = np.empty(self._shape, self._dtype)
        images = np.moveaxis(self._images, -1, 1) if len(self._shape) == 4 else self._images
        np.divide(images, 255, out=x, casting="unsafe")
        return x

    def first_loss(self) -> float | None:
        """See `Contender.first_loss`: there is none."""
        return None

    def evidence(self) -> dict[str, Array]:
        """The output for the images."""
        return {"output": self._predict(self._samples())}

    def round(self, number: int) -> dict[str, list[float]]:  # noqa: ARG002
        """Pass after pass, each timed by itself."""
        times: list[float] = []
        least, most = PASSES
        while len(times) < least or (sum(times) < SECONDS and len(times) < most):
            start = perf_counter()
            output = self._predict(self._samples())
            if output.shape[1] > 1:
                output.argmax(1)
            times.append(perf_counter() - start)
        return {"pass": times}


class EnginePredictor:
    """One of backproof's own engines."""

    def __init__(self, job: InferJob, graph: Graph, weights: Arrays) -> None:
        engine = get_engine(job.contender)
        engine.set_threads(job.threads)
        dtype = engine.capabilities.nearest_dtype(job.dtype)
        self._predictor = engine.compile(graph, weights, dtype=dtype)

    def __call__(self, x: Array) -> Array:
        graph = self._predictor.graph
        return self._predictor.forward({graph.inputs[0].name: x})[graph.output]
