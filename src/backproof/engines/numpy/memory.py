"""Sweeps that keep less than every value.

Prediction alone needs a value only until the last node that takes it has run. Training needs values again in the
reverse sweep, but may recompute them: with checkpoints the nodes are cut into segments, only what crosses a cut is
kept, and the reverse sweep computes each segment forward once more before it goes back through it (Chen et al. 2016).
Kernels are pure and dropout masks depend on the step alone, so what is computed again is the same, to the bit.
"""

from collections import Counter
from collections.abc import Sequence
from math import isqrt
from typing import Any

from backproof.engines.base import EVALUATION, Mode, Watch
from backproof.engines.numpy.workspace import Planned
from backproof.engines.sweep import Sweep, SweepStep
from backproof.graph import Array, Arrays, Graph


class PredictingSweep(Sweep):
    """Forward only: a value's buffer is used again as soon as nobody will take it any more."""

    def __init__(self, graph: Graph, *arguments: Any, values: Planned, **options: Any) -> None:
        super().__init__(graph, *arguments, **options)
        self._outputs = values
        self._takers = Counter(place for step in self._steps for place in step.inputs)
        self._takers[self._place[graph.output]] += 1  # the caller

    def _run(self, steps: Sequence[SweepStep], mode: Mode, watch: Watch | None) -> None:
        self.ways.add("prediction: values forgotten")
        self._outputs.reset()
        for step in steps:
            super()._run([step], mode, watch)
            for _ in range(self._takers[step.output]):
                self._outputs.hold(self._values[step.output])
            for place in step.inputs:
                self._outputs.drop(self._values[place])
        self._outputs.settle()


class CheckpointedSweep(Sweep):
    """Keeps the values that cross the cuts between segments, and computes the others twice."""

    def __init__(self, graph: Graph, *arguments: Any, values: Planned, **options: Any) -> None:
        super().__init__(graph, *arguments, **options)
        self._outputs = values
        self._mode = EVALUATION
        self._segments = [self._steps[part] for part in segments(graph, [step.name for step in self._steps])]
        self._kept = {self._place[graph.output], self._loss}
        self._crossing: list[set[int]] = []
        for i, segment in enumerate(self._segments):
            made = {step.output for step in segment}
            taken = {place for later in self._segments[i + 1 :] for step in later for place in step.inputs}
            self._crossing.append(made & taken)

    def forward(self, inputs: Arrays, mode: Mode, watch: Watch | None = None) -> None:
        """Segment by segment; after each but the last, only what crosses the cut stays."""
        self._outputs.reset()
        self._mode = mode
        super().forward(inputs, mode, watch)

    def _run(self, steps: Sequence[SweepStep], mode: Mode, watch: Watch | None) -> None:  # noqa: ARG002
        for segment, crossing in zip(self._segments, self._crossing, strict=True):
            self._compute(segment, watch)
            if segment is not self._segments[-1]:
                self._forget(segment, keep=crossing)

    def _compute(self, segment: Sequence[SweepStep], watch: Watch | None) -> None:
        super()._run(segment, self._mode, watch)
        for step in segment:
            self._outputs.hold(self._values[step.output])

    def _forget(self, segment: Sequence[SweepStep], keep: set[int]) -> None:
        for step in segment:
            if step.output not in keep | self._kept:
                self._outputs.drop(self._values[step.output])

    def _run_back(self, steps: Sequence[SweepStep], gradients: list[Array | None], watch: Watch | None) -> None:  # noqa: ARG002
        for segment, crossing in zip(reversed(self._segments), reversed(self._crossing), strict=True):
            if segment is not self._segments[-1]:
                self.ways.add("low memory: a segment computed twice")
                # All segments that take what crosses are done, so it may be computed anew with the rest.
                for place in crossing - self._kept:
                    self._outputs.drop(self._values[place])
                self._compute(segment, None)
            super()._run_back(segment, gradients, watch)
            self._forget(segment, keep=set())
        self._outputs.settle()


def segments(graph: Graph, names: Sequence[str]) -> list[slice]:
    """Cut the nodes `names` of `graph`, in their order, into segments of about equal size in memory.

    Cuts are where a single value crosses, such as between residual blocks. With about √n segments out of n possible
    ones, what crosses and what the largest segment holds are both of the order of √n.
    """
    last_use = {name: i for i, node in enumerate(names) for name in graph.node[node].inputs}
    sizes = [graph.shapes[name].size for name in names]
    cuts = []
    for i in range(len(names) - 1):
        crossing = [name for name in names[: i + 1] if last_use.get(name, -1) > i]
        if len(crossing) == 1:
            cuts.append(i + 1)
    budget = sum(sizes) / max(1, isqrt(len(cuts)))
    found, start, held = [], 0, 0
    for i, size in enumerate(sizes, start=1):
        held += size
        if i in cuts and held >= budget:
            found.append(slice(start, i))
            start, held = i, 0
    return [*found, slice(start, len(names))]
