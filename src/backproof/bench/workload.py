"""The samples, network and initial weights that all contenders of a benchmark share."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backproof.bench.job import TrainJob
from backproof.bench.variants import sized
from backproof.graph import Array, Graph, Shape, initial_parameters
from backproof.models import build
from backproof.ops import SoftmaxCrossEntropy
from backproof.ops.dropout import Dropping


@dataclass(frozen=True)
class Workload:
    """Everything that follows from a job, drawn from its seed: equal in every process.

    x: (samples, *input_shape), of the job's dtype, in 0..1. y: (samples,) int64. With `steps`, samples are one batch.
    """

    job: TrainJob

    @cached_property
    def graph(self) -> Graph:
        """The network with its loss."""
        job = self.job
        options = sized(job.model, job.options, job.width, job.depth)
        return build(job.model, Shape("N", *job.input_shape), job.classes, options).with_loss(SoftmaxCrossEntropy())

    @property
    def random(self) -> bool:
        """Whether dropout makes each contender compute something else."""
        return any(isinstance(node.op, Dropping) for node in self.graph.nodes)

    @property
    def certain_graph(self) -> Graph:
        """The network with a dropout of 0, in which contenders can be compared."""
        nodes = tuple(
            replace(node, op=replace(node.op, p=0.0)) if isinstance(node.op, Dropping) else node
            for node in self.graph.nodes
        )
        return replace(self.graph, nodes=nodes)

    def draw_parameters(self) -> dict[str, Array]:
        """Initial weights, float64. They are not kept: a contender's memory is to be its own."""
        return initial_parameters(self.graph, self.job.seed)

    @property
    def samples(self) -> int:
        """Samples that there are."""
        return self.job.batch_size if self.job.steps else self.job.samples

    @cached_property
    def x(self) -> npt.NDArray[np.floating]:
        """Samples."""
        rng = np.random.default_rng(self.job.seed)
        return rng.random((self.samples, *self.job.input_shape), dtype=np.float32).astype(self.job.dtype, copy=False)

    @cached_property
    def y(self) -> npt.NDArray[np.int64]:
        """Labels."""
        return np.random.default_rng(self.job.seed + 1).integers(0, self.job.classes, self.samples)
