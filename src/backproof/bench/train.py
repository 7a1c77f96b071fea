"""Training timed over batch sizes, widths, depths, image sizes and threads."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from backproof.bench.agreement import require_agreement
from backproof.bench.benchmark import Timing, Watch, benchmark, load_average
from backproof.bench.job import CONTENDERS, TrainJob, available
from backproof.bench.measurement import Experiment, Measurement
from backproof.errors import OptionError, UserError, unknown


def train_experiment(
    job: TrainJob,
    names: Sequence[str],
    *,
    against: str,
    threads: Sequence[int],
    batch_sizes: Sequence[int] = (),
    widths: Sequence[int] = (),
    depths: Sequence[int] = (),
    image_sizes: Sequence[int] = (),
    rounds: int,
    name: str = "train",
    title: str = "",
    watch: Watch | None = None,
) -> Experiment:
    """Time the contenders `names` at `job`, at every combination of the sizes given; a size not given stays the job's.

    Raises `UserError` if a contender cannot do it, or if contenders disagree.
    """
    require_contenders(names, against)
    if image_sizes and len(job.input_shape) != 3:
        raise OptionError("{image_sizes} goes with images, an {input_shape} such as 3,32,32, not {}", job.input_shape)
    before, worst = load_average(), 0.0
    measurements = []
    shapes = [(job.input_shape[0], size, size) for size in image_sizes]
    for batch_size, width, depth, shape in product(
        batch_sizes or (job.batch_size,), widths or (job.width,), depths or (job.depth,), shapes or (job.input_shape,)
    ):
        sized = replace(job, batch_size=batch_size, width=width, depth=depth, input_shape=shape)
        for i, count in enumerate(threads):
            jobs = [replace(sized, contender=contender, threads=count) for contender in names]
            if i == 0:
                worst = max(worst, require_agreement(jobs))
            measurements += [measured(timing) for timing in benchmark(jobs, rounds, watch)]
    unit = "step" if job.steps else f"epoch of {job.samples:,} samples"
    return Experiment(
        name=name,
        kind="train",
        title=title or f"Training {job.model}, {job.optimizer}",
        note=f"Seconds a training {unit}: forward, backward and update with {job.optimizer}, float32, "
        f"inputs of {'x'.join(map(str, job.input_shape))}.",
        against=against,
        measurements=tuple(measurements),
        load=(*before, *load_average()),
        agreement=worst,
    )


def measured(timing: Timing) -> Measurement:
    """A timing of training as a measurement."""
    job = timing.job
    assert isinstance(job, TrainJob)
    ((part, seconds),) = timing.seconds.items()
    return Measurement(
        contender=job.contender,
        subject=job.model,
        part=part,
        settings=job.settings,
        seconds=tuple(seconds),
        warm_up=timing.warm_up[part],
        peak_memory_mb=timing.peak_memory_mb,
        samples=job.batch_size if job.steps else job.samples,
    )


def require_contenders(names: Sequence[str], against: str) -> None:
    """Raise `UserError` for no contender, one named twice, an unknown one, or an `against` that is none of them."""
    if not names or len(set(names)) < len(names):
        raise OptionError("{contenders} is '{}'; name one or more, each once, such as numpy,pytorch", ",".join(names))
    for name in names:
        if name not in CONTENDERS:
            raise unknown("contender", name, CONTENDERS)
        if not available(name):
            raise UserError(f"the contender '{name}' needs a library that is not installed: {CONTENDERS[name]}")
    if against not in names:
        raise OptionError("{against} is '{}'; it must be one of the contenders {}", against, ", ".join(names))
