"""How a run ended, and how good its final weights are."""

from dataclasses import replace
from typing import Literal

from backproof.graph import Array
from backproof.peak_memory import peak_memory_mb
from backproof.runs.checks.gradients import GradientChecks
from backproof.runs.prepare import Prepared
from backproof.runs.store import RunResult
from backproof.runs.tracking import ShownSamples
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


def measured(prepared: Prepared, result: RunResult) -> tuple[RunResult, dict[str, Array]]:
    """`result` with what is measured of the final weights on each partition that has samples; and what is kept of it.

    Kept are arrays of the test partition, and some of its samples.
    """
    data, task = prepared.data, prepared.task
    parts = {name: part for name in ("train", "dev", "test") if len(part := getattr(data, name))}
    found = {name: evaluate(prepared.trainer, part, prepared.optimizer, task) for name, part in parts.items()}
    metrics = {name: evaluation.metrics for name, evaluation in found.items()}
    arrays: dict[str, Array] = {}
    if len(data.test):
        arrays = {**found["test"].arrays, **ShownSamples(data.test, task.kept_samples, task)(prepared.trainer)}
    return replace(result, train=metrics["train"], dev=metrics.get("dev"), test=metrics.get("test")), arrays
