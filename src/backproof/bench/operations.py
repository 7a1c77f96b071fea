"""Single operations timed over realistic shapes."""

from collections.abc import Sequence
from dataclasses import dataclass

from backproof.bench.agreement import require_agreement
from backproof.bench.benchmark import Timing, Watch, benchmark, load_average
from backproof.bench.cases import flops, label
from backproof.bench.contenders.operations import GEMM
from backproof.bench.job import OpCase, OpJob
from backproof.bench.measurement import Experiment, Measurement, contenders
from backproof.bench.train import require_contenders


def operation_experiment(
    cases: Sequence[OpCase],
    names: Sequence[str],
    *,
    against: str,
    threads: Sequence[int],
    rounds: int,
    name: str = "operation",
    title: str = "",
    watch: Watch | None = None,
) -> Experiment:
    """Time the contenders `names` at every case: forward, backward to the input, backward to the weights.

    Raises `UserError` if a contender cannot do it, or if contenders disagree.
    """
    require_contenders(names, against)
    before, worst = load_average(), 0.0
    measurements: list[Measurement] = []
    peaks: dict[int, float] = {}
    for i, count in enumerate(threads):
        jobs = [OpJob(contender=contender, threads=count, cases=tuple(cases)) for contender in names]
        if i == 0:
            worst = require_agreement(jobs)
        timings = benchmark(jobs, rounds, watch)
        measurements += [m for timing in timings for m in measured(timing)]
        peaks[count] = max(2 * GEMM**3 / min(timing.seconds["gemm"]) / 1e9 for timing in timings)
    return Experiment(
        name=name,
        kind="op",
        title=title or f"{' and '.join(dict.fromkeys(case.op for case in cases))}, {len(cases)} shapes",
        note="Seconds a call in float32. Backward to the input is backward as a whole less backward to the weights "
        "alone. The share is of what one large matrix product reaches on this machine; Winograd's way counts as if it "
        "did all the products that it saves.",
        against=against,
        measurements=tuple(measurements),
        peak_gflops=peaks,
        load=(*before, *load_average()),
        agreement=worst,
    )


def measured(timing: Timing) -> list[Measurement]:
    """A timing over the cases as measurements: forward, backward and both; backward divided where the contender can."""
    job = timing.job
    assert isinstance(job, OpJob)
    found = []
    for i, case in enumerate(job.cases):
        forward, backward = timing.seconds[f"{i} forward"], timing.seconds[f"{i} backward"]
        weights = timing.seconds.get(f"{i} weights")
        parts = {"forward": forward, "backward": backward}
        if weights is not None:
            # One measured against another taken right after it; noise must not make a time negative.
            parts["to input"] = [max(both - one, 0.0) for both, one in zip(backward, weights, strict=True)]
            parts["to weights"] = weights
        parts["all"] = [f + b for f, b in zip(forward, backward, strict=True)]
        passes = {"backward": 2, "all": 3}
        for part, seconds in parts.items():
            found.append(
                Measurement(
                    contender=job.contender,
                    subject=label(case),
                    part=part,
                    settings=job.settings,
                    seconds=tuple(seconds),
                    peak_memory_mb=timing.peak_memory_mb,
                    samples=case.shapes[0][0],
                    flops=flops(case) * passes.get(part, 1),
                    count=case.count,
                )
            )
    return found


@dataclass(frozen=True, kw_only=True)
class Total:
    """Seconds of all shapes together, forward and backward.

    Attributes:
        contender: whose; PyTorch's better layout at each shape is a contender too.
        threads: that computed.
        once: each shape once.
        network: each as often as the network has it.
        once_ratio: over the same of PyTorch's better layout, or of the baseline where not both layouts ran.
        network_ratio: likewise.
    """

    contender: str
    threads: int
    once: float
    network: float
    once_ratio: float
    network_ratio: float


BETTER = "pytorch, better layout"


def totals(experiment: Experiment) -> list[Total]:
    """A total for every contender and thread count."""
    found = []
    for threads in dict.fromkeys(m.settings["threads"] for m in experiment.measurements):
        here = [m for m in experiment.measurements if m.part == "all" and m.settings["threads"] == threads]
        groups = {name: [m for m in here if m.contender == name] for name in contenders(here)}
        if {"pytorch", "pytorch-tuned"} <= groups.keys():
            both = zip(groups["pytorch"], groups["pytorch-tuned"], strict=True)
            groups[BETTER] = [min(pair, key=lambda m: m.median) for pair in both]
        once = {name: sum(m.median for m in group) for name, group in groups.items()}
        network = {name: sum(m.median * m.count for m in group) for name, group in groups.items()}
        baseline = BETTER if BETTER in groups else experiment.against
        found += [
            Total(
                contender=name,
                threads=threads,
                once=once[name],
                network=network[name],
                once_ratio=once[name] / once[baseline],
                network_ratio=network[name] / network[baseline],
            )
            for name in groups
        ]
    return found
