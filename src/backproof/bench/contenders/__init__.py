"""Who takes part in a race. Each file imports its own library, inside its own process."""

from typing import Protocol

from backproof.bench.workload import Workload


class Contender(Protocol):
    """A library that trains the workload's network with SGD."""

    def losses(self, steps: int) -> list[float] | None:
        """The loss of the first `steps` steps on the first batches, from the common initial weights.

        None where the library cannot start from given weights. The race is refused when contenders differ.
        """
        ...

    def epoch(self, number: int) -> None:
        """One epoch over all samples in a new random order."""
        ...


def make(workload: Workload) -> Contender:
    """The contender that the workload's job names."""
    name = workload.job.contender
    if name == "scikit-learn":
        from backproof.bench.contenders.scikit_learn import ScikitLearn

        return ScikitLearn(workload)
    if name.startswith("pytorch"):
        from backproof.bench.contenders.pytorch import PyTorch

        return PyTorch(workload, fused=name == "pytorch-fused")
    from backproof.bench.contenders.engine import EngineContender

    return EngineContender(workload)
