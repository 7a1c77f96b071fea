"""Inference timed: the latency of one image, and how many a second in batches."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from backproof.bench.agreement import require_agreement
from backproof.bench.benchmark import Timing, Watch, benchmark, load_average
from backproof.bench.job import InferJob
from backproof.bench.measurement import Experiment, Measurement
from backproof.bench.train import require_contenders


def infer_experiment(
    job: InferJob,
    names: Sequence[str],
    *,
    against: str,
    threads: Sequence[int],
    batch_sizes: Sequence[int],
    rounds: int,
    watch: Watch | None = None,
) -> Experiment:
    """Time the contenders `names` at `job`, at every batch size and number of threads.

    Raises `UserError` if a contender cannot do it, or if contenders disagree.
    """
    require_contenders(names, against)
    before, worst = load_average(), 0.0
    measurements = []
    for place, (batch_size, count) in enumerate(product(batch_sizes, threads)):
        jobs = [replace(job, contender=name, threads=count, batch_size=batch_size) for name in names]
        if place == 0:
            worst = require_agreement(jobs)
        measurements += [measured(timing) for timing in benchmark(jobs, rounds, watch)]
    return Experiment(
        name="infer",
        kind="infer",
        title=f"Answers of {job.model}",
        note="Seconds from a batch of images, as bytes, to the likeliest classes, float32; samples/s are images.",
        against=against,
        measurements=tuple(measurements),
        load=(*before, *load_average()),
        agreement=worst,
    )


def measured(timing: Timing) -> Measurement:
    """A timing of inference as a measurement."""
    job = timing.job
    assert isinstance(job, InferJob)
    return Measurement(
        contender=job.contender,
        subject=job.model,
        part="pass",
        settings=job.settings,
        seconds=tuple(timing.seconds["pass"]),
        warm_up=timing.warm_up["pass"],
        peak_memory_mb=timing.peak_memory_mb,
        samples=job.batch_size,
    )
