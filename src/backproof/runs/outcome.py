"""How a run ended, and how good its final weights are."""

from dataclasses import replace
from typing import Literal

from backproof.peak_memory import peak_memory_mb
from backproof.runs.checks.gradients import GradientChecks
from backproof.runs.prepare import Prepared
from backproof.runs.store import RunResult
from backproof.train.evaluation import evaluate
from backproof.train.progress import Progress


def ended(
    prepared: Prepared,
    progress: Progress,
    status: Literal["finished", "interrupted", "failed"],
    checks: GradientChecks | None = None,
    error: str | None = None,
) -> RunResult:
    """What is known of a run without measuring its weights."""
    parameters, samples = prepared.graph.parameter_count, len(prepared.data.train)
    return RunResult(
        status=status,
        error=error,
        parameters=parameters,
        train_samples=samples,
        parameters_per_sample=parameters / samples,
        early_stop_epoch=progress.early_stop_epoch,
        best_epoch=progress.best_epoch,
        epochs=progress.epoch - 1,
        seconds=progress.seconds + progress.training_seconds,
        peak_memory_mb=peak_memory_mb(),
        gradient_checks=counts(checks),
    )


def counts(checks: GradientChecks | None) -> dict[str, float] | None:
    """How many gradient checks were made and failed, and their largest relative error; None if none were wanted."""
    return None if checks is None else {"made": checks.made, "failed": checks.failed, "largest_error": checks.error}


def measured(prepared: Prepared, result: RunResult) -> RunResult:
    """`result` with the figures of the final weights on each partition that has samples."""
    found = {}
    for name, partition in (("train", prepared.data.train), ("dev", prepared.data.dev), ("test", prepared.data.test)):
        if not len(partition):
            continue
        evaluation = evaluate(prepared.trainer, partition, prepared.optimizer, prepared.task)
        found[name] = evaluation.metrics
        if name == "test" and "confusion" in evaluation.arrays:
            result = replace(result, confusion_test=evaluation.arrays["confusion"].tolist())
    return replace(result, train=found["train"], dev=found.get("dev"), test=found.get("test"))
