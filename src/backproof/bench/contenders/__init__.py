"""Who takes part in a benchmark. Each file imports its own library, inside its own process."""

from typing import Protocol

from backproof.bench.job import PEERS, InferJob, Job, OpJob, TrainJob
from backproof.errors import OptionError
from backproof.graph import Array


class Contender(Protocol):
    """A library that does a job."""

    def first_loss(self) -> float | None:
        """Take a first training step and return its loss; None where there is none to compare."""
        ...

    def evidence(self) -> dict[str, Array]:
        """What it computes from the common weights and samples: outputs, gradients, losses, by common names."""
        ...

    def round(self, number: int) -> dict[str, list[float]]:
        """The seconds of each part of the job, done once more."""
        ...


def make(job: Job) -> Contender:
    """The contender that the job names, ready to do it. Raises `UserError` if it cannot."""
    if isinstance(job, OpJob):
        return _for_operations(job)
    if isinstance(job, InferJob):
        return _for_inference(job)
    assert isinstance(job, TrainJob)
    if job.contender == "pytorch-compiled":
        raise OptionError("{contenders} has '{}', which is timed in inference alone", job.contender)
    from backproof.bench.contenders.training import Training
    from backproof.bench.workload import Workload

    workload = Workload(job)
    if job.contender == "scikit-learn":
        from backproof.bench.contenders.scikit_learn import ScikitLearn

        return Training(workload, ScikitLearn)
    if job.contender == "jax-scan":
        from backproof.bench.contenders.jax_scan import JaxScan

        return Training(workload, JaxScan)
    if job.contender in PEERS:
        from backproof.bench.contenders.pytorch import PyTorch

        return Training(workload, PyTorch)
    from backproof.bench.contenders.engine import EngineLearner

    return Training(workload, EngineLearner)


def _for_inference(job: InferJob) -> Contender:
    from backproof.bench.contenders.inference import EnginePredictor, Inference

    if job.contender in ("scikit-learn", "jax-scan"):
        raise OptionError("{contenders} has '{}', which is timed in training alone", job.contender)
    if job.contender in PEERS:
        from backproof.bench.contenders.pytorch_inference import PyTorchPredictor

        return Inference(job, PyTorchPredictor)
    return Inference(job, EnginePredictor)


def _for_operations(job: OpJob) -> Contender:
    if job.contender in ("pytorch", "pytorch-tuned"):
        from backproof.bench.contenders.operations import Operations
        from backproof.bench.contenders.pytorch_operation import PyTorchOperation

        return Operations(job, PyTorchOperation)
    if job.contender in ("numpy", "numba", "reference"):
        from backproof.bench.contenders.engine_operation import EngineOperation
        from backproof.bench.contenders.operations import Operations

        return Operations(job, EngineOperation)
    raise OptionError(
        "{contenders} has '{}'; operations are timed in numpy, numba, reference, pytorch and pytorch-tuned",
        job.contender,
    )
