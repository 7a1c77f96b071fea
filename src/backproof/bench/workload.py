"""The samples, network and initial weights that all contenders of a race share."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backproof.bench.job import Job
from backproof.graph import Array, Graph, Shape, initial_parameters
from backproof.models import build
from backproof.ops import SoftmaxCrossEntropy


@dataclass(frozen=True)
class Workload:
    """Everything that follows from a job, drawn from its seed: equal in every process.

    x: (samples, *input_shape) float32 in 0..1. y: (samples,) int64.
    """

    job: Job

    @cached_property
    def graph(self) -> Graph:
        """The network with its loss."""
        job = self.job
        return build(job.model, Shape("N", *job.input_shape), job.classes, job.options).with_loss(SoftmaxCrossEntropy())

    @cached_property
    def parameters(self) -> dict[str, Array]:
        """Initial weights, float64."""
        return initial_parameters(self.graph, self.job.seed)

    @cached_property
    def x(self) -> npt.NDArray[np.float32]:
        """Samples."""
        rng = np.random.default_rng(self.job.seed)
        return rng.random((self.job.samples, *self.job.input_shape), dtype=np.float32)

    @cached_property
    def y(self) -> npt.NDArray[np.int64]:
        """Labels."""
        return np.random.default_rng(self.job.seed + 1).integers(0, self.job.classes, self.job.samples)
